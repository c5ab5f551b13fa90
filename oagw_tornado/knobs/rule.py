"""One rule: what it matches, when it applies, and the knobs or the reply that it gives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import orjson

from oagw_tornado.knobs.facts import Facts
from oagw_tornado.knobs.match import predicates_of
from oagw_tornado.knobs.predicate import Predicate, RuleError, unknown_key, words
from oagw_tornado.knobs.vocabulary import VOCABULARY, Knobs, as_text, resolve
from oagw_tornado.knobs.when import Counts, When, parse_when
from oagw_tornado.units.documents import quoted
from oagw_tornado.units.knob_errors import KnobError

if TYPE_CHECKING:
    from oagw_tornado.reply.answer import Answer
    from oagw_tornado.reply.parts import Script

NAME = re.compile(r"[A-Za-z0-9._~:-]{1,64}", re.ASCII)

#: Bytes of what one rule looks at, as JSON; ``body`` does not count.
LARGEST_MATCH = 32 * 2**10

#: The keys of a rule that are no knobs.
OWN_KEYS = ("name", "match", "when", "reply", "source")


class Rule:
    """One rule and its count. `document` is the rule as it was given."""

    def __init__(
        self,
        name: str,
        predicates: tuple[Predicate, ...],
        when: When,
        knobs: Mapping[str, str],
        source: str | None,
        reply: Script | Answer | None,
        document: Mapping[str, Any],
    ) -> None:
        self.name = name
        # Where it applies, and its predicates.
        self.placed = tuple(predicate for predicate in predicates if predicate.name in ("alias", "path"))
        self.predicates = tuple(predicate for predicate in predicates if predicate not in self.placed)
        if reply is not None and reply.needs_conversation:
            self.predicates += (_IS_CONVERSATION,)
        self.when = when
        self.knobs = knobs
        self.source = source
        self.reply = reply
        self.document = document
        # True if it may meet the gateway's own pages: it names the path of one, and no upstream.
        self.meets_pages = _names_page(document.get("match", {}))
        self.size = 0  # bytes of the document as JSON
        # What tells it from another of the same name, before it or after it.
        self.birth = ""
        # The pieces of its texts that an index may find it by; made once, by the index.
        self.offered: Any = None
        self.counts = Counts()
        # The server's knobs, and this rule's over them.
        self._resolved: tuple[Knobs, Knobs] | None = None

    @property
    def key(self) -> str:
        """Its name, and what tells it from others that had it before."""
        return f"{self.birth}/{self.name}"

    @property
    def aliases(self) -> tuple[str, ...]:
        """The upstreams that it looks at; empty: at all of them."""
        aliases = words("match.alias", self.document.get("match", {}).get("alias", ["*"]))
        return () if "*" in aliases else tuple(aliases)

    @property
    def fitted(self) -> int:
        """Requests that fitted it."""
        return self.counts.fitted + self.counts.elsewhere[0]

    @property
    def applied(self) -> int:
        """Requests that it applied to."""
        return self.counts.applied + self.counts.elsewhere[1]

    @property
    def answers(self) -> bool:
        """Whether it says what is replied, or that something goes wrong instead."""
        return self.reply is not None or "fault" in self.knobs

    def failed(self, facts: Facts) -> int | None:
        """The place of the first predicate that does not hold at its place; None: it fits."""
        for number, predicate in enumerate(self.predicates):
            if not predicate.test(facts):
                return number
        return None

    def beginning(self, predicates: int) -> tuple[str, ...]:
        """What it asks in so many of its first predicates: rules of whom this is equal fail alike there."""
        match = self.document.get("match", {})
        asked = (predicate.name for predicate in self.predicates[:predicates])
        return tuple(f"{name}={match.get(name.partition('.')[0])!r}" for name in asked)

    def session(self, facts: Facts) -> str | None:
        """The session that the request counts for; None: for all in one."""
        return None if self.when.per is None else self.when.per(facts)

    def over(self, base: Knobs) -> Knobs:
        """The rule's knobs over the server's. Made again only when those have changed."""
        if self._resolved is None or self._resolved[0] is not base:
            self._resolved = (base, self._over(base))
        return self._resolved[1]

    def _over(self, base: Knobs) -> Knobs:
        knobs = resolve(base, self.knobs)
        if self.reply is not None:
            knobs = replace(knobs, reply=self.reply)
        return knobs if self.source is None else replace(knobs, source=cast(Any, self.source))

    def as_json(self) -> dict[str, Any]:
        """The rule as it was given, with its name and its counts."""
        return {"name": self.name, **self.document, "fitted": self.fitted, "applied": self.applied}


#: Parts are only for a conversation: they need a dialect to write them.
_IS_CONVERSATION = Predicate(
    "reply", lambda facts: facts.conversation is not None, "a conversation", lambda facts: facts.path
)


def parse_rule(document: Any, name: str) -> Rule:
    """Read a rule, which is called `name` unless it says otherwise. Raises RuleError, which names the key."""
    if not isinstance(document, dict):
        raise RuleError(f"expected an object such as {{'match': …, 'fault': …}}, not {quoted(document)}")
    for key in document:
        if key not in OWN_KEYS and key not in VOCABULARY:
            raise RuleError(unknown_key(key, (*OWN_KEYS, *VOCABULARY)))
    given = document.get("name", name)
    if not isinstance(given, str) or not NAME.fullmatch(given):
        raise RuleError("name: expected 1 to 64 letters, digits and . _ ~ : -")
    reply = None
    if "reply" in document:
        reply = _reply(document["reply"])
    source = document.get("source")
    if source not in (None, "upstream", "gateway"):
        raise RuleError(f"source: expected upstream or gateway, not {quoted(source)}")
    knobs: dict[str, str] = {}
    for key, value in document.items():
        if key in VOCABULARY:
            try:
                knobs[key] = as_text(value)
            except ValueError as error:
                raise RuleError(f"{key}: {error}") from None
    match = document.get("match", {})
    _refuse_large(match)
    predicates = predicates_of(match)
    rule = Rule(given, predicates, parse_when(document.get("when", {})), knobs, source, reply, document)
    try:
        rule.over(Knobs())
    except KnobError as error:
        raise RuleError(str(error)) from None
    rule.size = _size(document)
    return rule


def _refuse_large(match: Any) -> None:
    if isinstance(match, dict):
        match = {key: value for key, value in match.items() if key != "body"}  # which is looked for as it is
    try:
        size = len(orjson.dumps(match))
    except TypeError:  # whoever reads it says what is wrong with it
        return
    if size > LARGEST_MATCH:
        raise RuleError(f"match: expected at most {LARGEST_MATCH} bytes as JSON")


def _reply(document: Any) -> Script | Answer:
    from oagw_tornado.reply.script import parse_reply  # a start without scripts does without parts
    from oagw_tornado.reply.script_fields import ScriptError

    try:
        return parse_reply(document)
    except ScriptError as error:
        raise RuleError(str(error)) from None


def _names_page(match: Any) -> bool:
    path = match.get("path") if isinstance(match, dict) and "alias" not in match else None
    return isinstance(path, str) and path[:1] == "/" and path[1:2] not in ("", "*", "?", "[")


def _size(document: Any) -> int:
    try:
        return len(orjson.dumps(document))
    except TypeError as error:  # YAML has values that JSON does not have; so is anything nested too deeply
        raise RuleError(f"expected a JSON value: {error}") from None
