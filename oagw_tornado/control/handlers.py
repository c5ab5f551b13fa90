"""The control endpoints as Tornado handlers. Each gets the `ControlPlane` as its first argument."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Collection, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, ClassVar, TypeVar

from oagw_tornado.config.settings import ConfigError
from oagw_tornado.control.control import ControlPlane, Shared
from oagw_tornado.control.turns import Turns
from oagw_tornado.evidence.metrics import CONTENT_TYPE, render
from oagw_tornado.evidence.request_filter import FilterError
from oagw_tornado.evidence.verdict import DEFAULT_BUDGET
from oagw_tornado.gateway.handler import ExchangeHandler
from oagw_tornado.gateway.refusal import refusal
from oagw_tornado.knobs.predicate import RuleError
from oagw_tornado.knobs.rules import LARGEST_RULES
from oagw_tornado.knobs.vocabulary import LONGEST_VALUE, VOCABULARY
from oagw_tornado.reply.reply import Reply, json_reply
from oagw_tornado.state.store import StateAway
from oagw_tornado.units.documents import DocumentError, TooLarge, read_json
from oagw_tornado.units.durations import parse_duration
from oagw_tornado.units.nearest import nearest

T = TypeVar("T")

_NOTHING = Reply(204, (), b"", source=None)

#: Bytes of a JSON document that is read in one go.
LARGEST_DOCUMENT = LARGEST_RULES + 64 * 2**10


class BadRequest(ValueError):
    """What was asked for can not be understood; the text says what was expected."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class ControlHandler(ExchangeHandler):
    """Answers in JSON; what it cannot understand is a 400 with an ``error``."""

    source = None
    #: What of all processes it answers with, where several share a state: journal, timing, counters, gauges, seconds,
    #: rules, gates.
    of_all: ClassVar[tuple[str, ...]] = ()
    #: Whether a request that changes something is for all of them.
    is_for_all = True
    #: Whether it leads back to the state at start.
    is_reset = False

    def run(self, *path_args: Any) -> None:
        # Replies under way keep their own counts: bring the totals up to date first.
        self.responder.settle()
        super().run(*path_args)

    def _call_method(self, path_args: tuple[Any, ...]) -> Awaitable[None] | None:
        control: ControlPlane = path_args[0]
        is_change = self.is_change()
        if control.sharing is None or self.responder.is_performed or not (is_change or self.of_all):
            return super()._call_method(path_args)
        if len(self.request.body) > LARGEST_DOCUMENT or "check" in self.request.query_arguments:
            return super()._call_method(path_args)
        return self._share(control.sharing, is_change, path_args)

    async def _share(self, sharing: Shared, is_change: bool, path_args: tuple[Any, ...]) -> None:
        """Answer as one of several processes that share a state."""
        try:
            if is_change:
                self.respond(await sharing.change(self.request, self.is_reset))
                return
            with self.refusing():
                of_all = await sharing.of_all(self.of_all, self.question(*path_args[1:]))
                merged: tuple[Any, ...] = (of_all, *path_args[1:])
            if not self.is_finished and (waiting := super()._call_method(merged)) is not None:
                await waiting
        except StateAway as away:
            self.respond(state_away(str(away)))

    def is_change(self) -> bool:
        """Whether the request changes something that all processes share."""
        return self.is_for_all and self.request.method not in ("GET", "HEAD")

    def question(self, *path_args: str) -> dict[str, Any]:
        """What narrows down what the others are asked for. Raises what `refusing` turns into a 400."""
        return {}

    def say(self, payload: Any, status: int = 200) -> None:
        reply = json_reply(payload, status)
        reply.source = None
        self.respond(reply)

    def say_nothing(self) -> None:
        self.respond(_NOTHING)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Turn what is wrong with the request into a 400."""
        try:
            yield
        except (BadRequest, ConfigError, FilterError, RuleError) as error:
            self.respond(refusal(getattr(error, "status", 400), str(error)))

    def short_values(self, document: Any) -> Any:
        """`document`, none of whose knobs has a value that would take long to read."""
        for key, value in document.items() if isinstance(document, dict) else ():
            if key in VOCABULARY and isinstance(value, str) and len(value) > LONGEST_VALUE:
                raise RuleError(f"{key}: expected at most {LONGEST_VALUE} characters")
        return document

    def _large_part(self) -> str:
        from oagw_tornado.control.largest_part import largest_part  # not before something is too large

        return largest_part(self.request.body) or "the body"

    def document(self) -> Any:
        """The JSON document in the request's body."""
        if len(self.request.body) > LARGEST_DOCUMENT:
            raise BadRequest(f"{self._large_part()}: expected at most {LARGEST_DOCUMENT} bytes in the body", 413)
        try:
            return read_json(self.request.body)
        except TooLarge as error:
            raise BadRequest(f"{self._large_part()}: expected less, the body has {error}") from None
        except DocumentError as error:
            raise BadRequest(f"the body is not JSON: {error}") from None

    def is_check(self) -> bool:
        """Whether the query says ``check=1``: nothing is to change, it is only looked at."""
        return flag("check", self.parameters("check").get("check"))

    def parameters(self, *known: str) -> dict[str, str]:
        """The query's parameters, each given at most once."""
        return {name: texts[0] for name, texts in self.repeatable_parameters((), *known).items()}

    def repeatable_parameters(self, repeatable: Collection[str], *known: str) -> dict[str, list[str]]:
        """The query's parameters, each given at most once unless it is `repeatable`."""
        given: dict[str, list[str]] = {}
        for name, values in self.request.query_arguments.items():
            if name not in known:
                expected = ", ".join(known) or "none"
                raise BadRequest(f"{name[:80]}: no such parameter; expected {expected}{nearest(name, known)}")
            if len(values) > 1 and name not in repeatable:
                raise BadRequest(f"{name}: given more than once")
            given[name] = [value.decode("utf-8", "replace") for value in values]
        return given


def state_away(reason: str) -> Reply:
    """503: the answer would not be of all, or not all have made the change."""
    hint = "/health says how it is; it comes back by itself"
    return refusal(503, f"The shared state is away: {reason[:200]}", (("Retry-After", "1"),), hint=hint)


class Verdict(ControlHandler):
    """``/_sim/verdict?late-p99=2ms&window=10s&history=1``: whether what was measured counts."""

    of_all = ("seconds",)

    def question(self, *path_args: str) -> dict[str, Any]:
        return {"window": duration("window", self.parameters("late-p99", "window", "history").get("window"), None)}

    def get(self, control: ControlPlane) -> None:
        with self.refusing():
            given = self.parameters("late-p99", "window", "history")
            budget = duration("late-p99", given.get("late-p99"), DEFAULT_BUDGET)
            window = duration("window", given.get("window"), None)
            if given.get("history", "0") not in ("0", "1"):
                raise BadRequest(f"history: expected 0 or 1, not {given['history'][:80]!r}")
            self.say(control.verdict(budget, window, with_history=given.get("history") == "1"))

    head = get


class Configuration(ControlHandler):
    """``/_sim/config``: the options as they are; PATCH changes those that can change while the server runs."""

    def get(self, control: ControlPlane) -> None:
        self.say(control.config)

    async def patch(self, control: ControlPlane) -> None:
        with self.refusing():
            is_check = self.is_check()
            changes = self.short_values(self.document())
            if not isinstance(changes, dict):
                raise BadRequest("expected an object of options and their values")
            if is_check:
                self.say(control.checked_config(changes))
                return
            control.change_config(changes)
            await control.settled()
            self.say(control.config)

    head = get


class RuleList(ControlHandler):
    """``/_sim/rules``: all rules in order; POST adds one behind them (``check=1``: would), PUT replaces them all, PATCH
    puts them into another order, DELETE removes them."""

    of_all = ("rules",)

    def get(self, control: ControlPlane) -> None:
        self.say({"rules": [rule.as_json() for rule in control.rules.list]})

    def post(self, control: ControlPlane) -> None:
        with self.refusing():
            if self.is_check():
                self.say(control.rules.check(self.short_values(self.document())).as_json())
            else:
                self.say(control.rules.add(self.short_values(self.document())).as_json(), 201)

    def patch(self, control: ControlPlane) -> None:
        with self.refusing():
            document = self.document()
            if not isinstance(document, dict) or set(document) != {"order"} or not isinstance(document["order"], list):
                raise BadRequest("expected {'order': [name, …]}")
            control.rules.reorder(document["order"])
            self.get(control)

    async def put(self, control: ControlPlane) -> None:
        with self.refusing():
            document = self.document()
            rules = document.get("rules") if isinstance(document, dict) and set(document) == {"rules"} else document
            if not isinstance(rules, list):
                raise BadRequest("expected {'rules': [rule, …]} or [rule, …]")
            turns = Turns()
            for _ in control.rules.replacing(rules, check=self.short_values):
                if turns.is_over:
                    await turns.rest()
            self.get(control)

    def delete(self, control: ControlPlane) -> None:
        control.rules.replace(())
        self.say_nothing()

    head = get


class OneRule(ControlHandler):
    """``/_sim/rules/{name}``: PUT has another rule in its place, or one more behind the others."""

    of_all = ("rules",)

    def get(self, control: ControlPlane, name: str) -> None:
        rule = control.rules.find(name)
        if rule is None:
            self.respond(refusal(404, f"No rule {name[:80]!r}"))
        else:
            self.say(rule.as_json())

    def put(self, control: ControlPlane, name: str) -> None:
        with self.refusing():
            rule, is_new = control.rules.put(name, self.short_values(self.document()))
            self.say(rule.as_json(), 201 if is_new else 200)

    def delete(self, control: ControlPlane, name: str) -> None:
        if control.rules.remove(name):
            self.say_nothing()
        else:
            self.respond(refusal(404, f"No rule {name[:80]!r}"))

    head = get


class Reset(ControlHandler):
    """``/_sim/reset``: back to the state at start."""

    is_reset = True

    async def post(self, control: ControlPlane) -> None:
        await control.reset()
        self.say_nothing()


class OpenApi(ControlHandler):
    """``/_sim/openapi.json``: what there is, for machines."""

    def get(self, control: ControlPlane) -> None:
        from oagw_tornado.control.openapi import document

        self.say(document(control.responder.aliases))

    head = get


class Metrics(ControlHandler):
    """``/metrics``, for Prometheus."""

    of_all = ("timing", "counters", "gauges")

    async def get(self, control: ControlPlane) -> None:
        if "prometheus_client" not in sys.modules:
            # Loading it takes tens of milliseconds and must not make a stream late, so it is done off the loop.
            await asyncio.get_running_loop().run_in_executor(None, import_module, "prometheus_client")
        self.responder.settle()
        self.respond(Reply(200, (("Content-Type", CONTENT_TYPE),), render(control.collector), source=None))

    head = get


def flag(name: str, text: str | None) -> bool:
    if text not in (None, "", "0", "1", "true", "false"):
        raise BadRequest(f"{name}: expected 1 or 0, not {text[:80]!r}")
    return text in ("1", "true")


def whole_number(name: str, text: str | None, low: int, high: int) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and low <= int(text) <= high):
        raise BadRequest(f"{name}: expected a whole number from {low} to {high}, not {text[:80]!r}")
    return int(text)


def duration(name: str, text: str | None, default: T) -> float | T:
    if text is None:
        return default
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise BadRequest(f"{name}: {error}") from None
    if seconds <= 0:
        raise BadRequest(f"{name}: expected a duration above 0, not {text[:80]!r}")
    return seconds
