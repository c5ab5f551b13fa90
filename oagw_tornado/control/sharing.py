"""Control of several processes with a shared state: whichever is asked, all make a change, and answers cover all.

A request that changes something goes into the log that all members follow, and each makes the change as if it had
received the request itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import tornado.web
from tornado.httputil import HTTPHeaders, RequestStartLine

from oagw_tornado.config.config import Config, change_config, value_in
from oagw_tornado.config.options import OPTIONS, Option
from oagw_tornado.control.control import ControlPlane
from oagw_tornado.control.reload import changes_between
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.gateway.refusal import refusal
from oagw_tornado.gateway.request import ServerRequest
from oagw_tornado.gateway.request_head import request_head
from oagw_tornado.knobs.upstream_document import parse_upstream, parse_upstreams
from oagw_tornado.reply.reply import Reply
from oagw_tornado.state.membership import Change, Membership
from oagw_tornado.state.redis_store import RedisStore
from oagw_tornado.wire.connection import ReplyConnection

if TYPE_CHECKING:
    from oagw_tornado.control.gathering import Gathering
    from oagw_tornado.control.watching import Watching
    from oagw_tornado.gateway.handler import ExchangeHandler
    from oagw_tornado.gateway.responder import Responder
    from oagw_tornado.page.feed import LiveFeed

Find = Callable[[str, str], "tuple[type[ExchangeHandler], tuple[str, ...]] | None"]


class Sharing:
    """What makes the controls of one process those of all. `find` gives the handler for a method and a path."""

    def __init__(
        self, control: ControlPlane, store: RedisStore, membership: Membership, gathering: Gathering, find: Find
    ) -> None:
        self.membership = membership
        self.watching: Watching
        self._gathering = gathering
        self._control = control
        self._store = store
        self._find = find
        self._application = tornado.web.Application()
        membership.perform = self.perform
        membership.snapshot = self.snapshot
        membership.push = gathering.push
        membership.questions.answer = gathering.answer
        # Whether the change that is made was asked for here.
        self._is_own_change = False
        # What was read again since the start: options by name, and rules if these have changed.
        self._reloaded: dict[str, Any] = {}

    async def of_all(self, kinds: Sequence[str], question: dict[str, Any]) -> ControlPlane:
        """Controls that answer for all members, as far as `kinds` go. Raises StateAway."""
        return await self._gathering.of_all(kinds, question)

    async def release(self, name: str, events: int | None) -> dict[str, Any]:
        """Let so many events pass at a gate, wherever replies wait; returns how it stands then. Raises StateAway."""
        return await self._store.gates.released(name, events)

    async def change(self, request: ServerRequest, is_reset: bool = False) -> Reply:
        """Have all make the change that `request` asks for; returns the reply to it. Raises StateAway."""
        body = request.body.decode("utf-8", "surrogateescape")
        document: dict[str, Any] = {"request": {"method": request.method, "target": request.uri, "body": body}}
        if is_reset and self._reloaded:
            # The log begins with it: who comes later has not read again what the others have.
            document["reloaded"] = self._reloaded
        reply = await self.membership.change(document, is_reset)
        return reply if isinstance(reply, Reply) else refusal(500, "the change could not be made")

    async def reload(self, config: Config) -> str:
        """As `ControlPlane.reload`, for all. Raises ConfigError and StateAway."""
        started = self._control.started_as
        changes = changes_between(started, config)
        # Recordings are read again whatever has changed.
        if changes.options or changes.rules or changes.upstreams or self._control.replays is not None:
            self._control.check_reload(config)
            options = {option.name: _given(option, value) for option, value in changes.options.items()}
            rules = list(config.rules) if changes.rules else None
            upstreams = {each.alias: dict(each.given) for each in config.upstreams} if changes.upstreams else None
            await self.membership.change({"reload": {"options": options, "rules": rules, "upstreams": upstreams}})
        return changes.text

    def watch(self, feed: LiveFeed) -> None:
        """As of `Shared`."""
        self.watching.share(feed)

    async def forget_journals(self) -> None:
        """As of `Shared`."""
        await self._gathering.journals.forget(with_others=self._is_own_change)

    # As `Membership` wants it.

    async def perform(self, change: Change) -> Any:
        """Make a change here; returns the reply to the request for it, if it was one."""
        document = change.document
        control = self._control
        self._is_own_change = change.by == self.membership.member
        if document.get("reloaded") and document["reloaded"] != self._reloaded:
            self._reload(document["reloaded"])
        control.rules.birth = str(change.seq)
        if "request" in document:
            return await self._perform_request(**document["request"])
        if "reload" in document:
            self._reload({**document["reload"], "birth": str(change.seq)})
        elif "restore" in document:
            self._restore(document["restore"])
        elif "reset" in document:
            await control.reset()
        return None

    def snapshot(self) -> dict[str, Any]:
        """What leads another member from its start to the state as it is here."""
        control = self._control
        config, started = control.responder.config, control.started_as
        options = {
            option.name: option.show(value_in(config, option))
            for option in OPTIONS.values()
            if option.is_live and not option.form_of and value_in(config, option) != value_in(started, option)
        }
        rules = [[rule.birth, rule.name, rule.document] for rule in control.rules.list]
        described = control.upstreams.described
        upstreams = {alias: dict(each.given) for alias, each in described.items() if each.real is None}
        statuses = control.responder.health.statuses
        return {
            "restore": {
                "reloaded": self._reloaded,
                "options": options,
                "rules": rules,
                "upstreams": upstreams,
                "real": [alias for alias, each in described.items() if each.real is not None],
                "health": statuses,
            }
        }

    def _reload(self, changes: Mapping[str, Any]) -> None:
        control, before = self._control, self._reloaded
        has_rules = changes["rules"] is not None
        self._reloaded = {
            "options": {**before.get("options", {}), **changes["options"]},
            "rules": changes["rules"] if has_rules else before.get("rules"),
            "birth": changes["birth"] if has_rules else before.get("birth", ""),
            "upstreams": before.get("upstreams") if changes["upstreams"] is None else changes["upstreams"],
        }
        control.reload(_with(control.started_as, changes))
        if has_rules:
            for rule in control.rules.list:
                rule.birth = changes["birth"]

    def _restore(self, state: Mapping[str, Any]) -> None:
        control = self._control
        if state["reloaded"] and state["reloaded"] != self._reloaded:
            self._reload(state["reloaded"])
        control.configure(change_config(control.started_as, state["options"]))
        control.rules.restore(state["rules"])
        control.upstreams.reset()
        # What is asked over the network is for each member's configuration to say.
        for alias in set(control.upstreams.described) - set(state["upstreams"]) - set(state["real"]):
            control.upstreams.remove(alias)
        control.upstreams.add(parse_upstream(alias, document) for alias, document in state["upstreams"].items())
        control.responder.health.statuses.update(state["health"])

    async def _perform_request(self, method: str, target: str, body: str) -> Reply:
        path = target.partition("?")[0]
        found = self._find(method, path)
        if found is None:
            return refusal(404, f"{method} {path[:200]} is nothing that this member knows")
        handler, arguments = found
        exchange = Exchange("", method, target, path, {})
        connection = ReplyConnection()
        connection.method = method
        headers = HTTPHeaders({"Content-Type": "application/json"})
        data = body.encode("utf-8", "surrogateescape")
        start_line = RequestStartLine(method, target, "HTTP/1.1")
        request = ServerRequest(connection, exchange, start_line, headers, request_head(start_line, headers), data)
        performed = Performed(self._control.responder)
        handler(self._application, request, performed).run(self._control, *arguments)  # type: ignore[arg-type]
        return await performed.reply


class Performed:
    """Stands for the responder where a change is made that another member was asked for: its reply goes nowhere."""

    is_performed = True

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self.reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._responder, name)

    def respond(self, exchange: Exchange, connection: ReplyConnection, reply: Reply) -> None:
        """As of `Responder`."""
        if not self.reply.done():
            self.reply.set_result(reply)

    def over(self, exchange: Exchange, outcome: str) -> None:
        """As of `Responder`."""


def _given(option: Option, value: Any) -> Any:
    """The value as another member can read it."""
    return value if value is None else (option.given or option.show)(value)


def _with(config: Config, changes: Mapping[str, Any]) -> Config:
    """`config` as it was read again."""
    changed = change_config(config, changes["options"], is_read_again=True)
    if changes["rules"] is not None:
        changed = replace(changed, rules=tuple(changes["rules"]), rule_places=())
    if changes["upstreams"] is not None:
        changed = replace(changed, upstreams=parse_upstreams(changes["upstreams"]))
    return changed
