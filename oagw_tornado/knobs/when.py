"""The `when` of a rule: to which of its matching requests it applies, counted per session if wanted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import orjson

from oagw_tornado.knobs.facts import Facts
from oagw_tornado.knobs.predicate import RuleError, unknown_key
from oagw_tornado.units.documents import quoted

#: Sessions that one rule counts for, the latest.
MOST_SESSIONS = 10_000

_KEYS = ("probability", "first", "every", "after", "per")

Session = Callable[[Facts], str]


class When:
    """At which of the requests that fit it a rule applies."""

    __slots__ = ("probability", "first", "every", "after", "per")

    def __init__(
        self,
        probability: float = 1.0,
        first: int | None = None,
        every: int = 1,
        after: int = 0,
        per: Session | None = None,
    ) -> None:
        self.probability = probability
        self.first = first
        self.every = every
        self.after = after
        self.per = per

    @property
    def is_counted(self) -> bool:
        """Whether it depends on how many requests have fitted before."""
        return self.first is not None or self.every > 1 or self.after > 0

    def counts(self, number: int) -> bool:
        """Whether it applies to the request that is the `number`-th to fit, from 1, but for the die."""
        counted = number - self.after
        return counted >= 1 and (self.first is None or counted <= self.first) and not counted % self.every

    def holds(self, number: int, roll: Callable[[], float]) -> bool:
        """Whether it applies to the request that is the `number`-th to fit. `roll` gives a number below 1."""
        return self.counts(number) and (self.probability >= 1.0 or roll() < self.probability)

    def __str__(self) -> str:
        told = {"after": self.after or None, "first": self.first, "every": self.every if self.every > 1 else None}
        if self.probability < 1:
            told["probability"] = self.probability  # type: ignore[assignment]
        return ", ".join(f"{name}: {value}" for name, value in told.items() if value is not None)


class Counts:
    """How many requests have fitted one rule: in all, and by session."""

    __slots__ = ("fitted", "applied", "elsewhere", "_sessions")

    def __init__(self) -> None:
        self.fitted = 0
        self.applied = 0
        # The same two, as far as others than this process have counted them; as of when they were last asked.
        self.elsewhere = (0, 0)
        self._sessions: OrderedDict[str, int] = OrderedDict()

    def take(self, session: str | None) -> int:
        """The number of the request that fits now, in its session, or in all if there is none."""
        self.fitted += 1
        if session is None:
            return self.fitted
        number = self._sessions.pop(session, 0) + 1
        self._sessions[session] = number
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return number

    def next(self, session: str | None) -> int:
        """The number that `take` would give."""
        return (self.fitted + self.elsewhere[0] if session is None else self._sessions.get(session, 0)) + 1

    def clear(self) -> None:
        self.fitted = self.applied = 0
        self.elsewhere = (0, 0)
        self._sessions.clear()


def parse_when(when: Any) -> When:
    """Read a rule's `when`. Raises RuleError."""
    if not isinstance(when, dict):
        raise RuleError(f"when: expected an object, not {quoted(when)}")
    for key, value in when.items():
        if key not in _KEYS:
            raise RuleError(f"when.{unknown_key(key, _KEYS)}")
        low = 1 if key == "every" else 0
        if key == "per":
            continue
        if key == "probability":
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
                raise RuleError(f"when.probability: expected a number from 0 to 1, not {quoted(value)}")
        elif isinstance(value, bool) or not isinstance(value, int) or not low <= value < 2**63:
            raise RuleError(f"when.{key}: expected a whole number from {low} up, not {quoted(value)}")
    given = dict(when)
    if "per" in given:
        given["per"] = parse_session(given["per"], "when.per")
    return When(**given)


def _digest(text: str) -> str:
    """What is kept of a session's name: neither its size nor what it holds is the rule's business."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _written(value: Any) -> str:
    """`value` as a text that is the same for equal values of JSON."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # an integer beyond 64 bits
        return repr(value)


def parse_session(value: Any, where: str) -> Session:
    """What tells one session from another: ``header:NAME``, ``bearer``, ``json:EXPRESSION``. Raises RuleError."""
    kind, _, name = value.partition(":") if isinstance(value, str) else ("", "", "")
    if value == "bearer":
        return lambda facts: _digest(facts.headers.get("Authorization") or facts.headers.get("X-Api-Key") or "")
    if kind == "header" and name.strip():
        header = name.strip()
        return lambda facts: _digest(facts.headers.get(header) or "")
    if kind == "json" and name.strip():
        from oagw_tornado.knobs.match_conversation import jmespath_search

        search = jmespath_search(where, name.strip())
        return lambda facts: _digest(_written(search(facts.document)))
    raise RuleError(f"{where}: expected header:NAME, bearer or json:EXPRESSION, not {quoted(value)}")
