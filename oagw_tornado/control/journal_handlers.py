"""The journal over HTTP: listed in time slices, sent as fast as the client reads, in one of four formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from oagw_tornado.control.control import ControlPlane
from oagw_tornado.control.handlers import BadRequest, ControlHandler, flag, whole_number
from oagw_tornado.control.turns import Turns
from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.export import EVENT_COLUMNS, csv_lines, event_rows, har_entry, har_log
from oagw_tornado.evidence.request_filter import NAMES, RequestFilter
from oagw_tornado.evidence.view import exchange_as_json
from oagw_tornado.gateway.refusal import refusal
from oagw_tornado.reply.reply import Reply

#: Bytes of a listing that are made before they are sent; a shorter listing is sent whole.
PIECE = 256 * 2**10

_MOST = 1_000_000_000


class Form:
    """How a listing is written: what stands before it, each exchange, between two, and after all."""

    def __init__(
        self,
        media_type: str,
        before: bytes,
        each: Callable[[Exchange], bytes],
        between: bytes,
        after: Callable[[int | None], bytes],
        oldest_first: bool = False,
    ) -> None:
        self.media_type = media_type
        self.before = before
        self.each = each
        self.between = between
        self.after = after
        self.oldest_first = oldest_first


class Requests(ControlHandler):
    """``/_sim/requests``: the journal, newest first."""

    of_all = ("journal",)

    def question(self, *path_args: str) -> dict[str, Any]:
        given = self.filters()
        single = {name: texts[0] for name, texts in given.items()}
        return {
            "filters": [(name, text) for name, texts in given.items() if name in NAMES for text in texts],
            "since": instant(single.get("since")),
            "limit": whole_number("limit", single.get("limit"), 0, _MOST),
            "before": whole_number("after", single.get("after"), 1, 10**18),
        }

    async def get(self, control: ControlPlane) -> None:
        with self.refusing():
            given = self.filters()
            fits = RequestFilter(control.disclosure)
            fits.read([(name, text) for name, texts in given.items() if name in NAMES for text in texts])
            single = {name: texts[0] for name, texts in given.items()}
            since = instant(single.get("since"))
            if since is not None:
                fits.since(since)
            form = _form(control, single.get("format", "json"), flag("events", single.get("events")))
            limit = whole_number("limit", single.get("limit"), 0, _MOST)
            after = whole_number("after", single.get("after"), 1, 10**18)
            await self._list(control, form, fits, after, limit)

    async def head(self, control: ControlPlane) -> None:
        self.say({})

    async def delete(self, control: ControlPlane) -> None:
        forgotten = control.journal.clear()
        if control.sharing is not None:
            await control.sharing.forget_journals()
        await Turns().drop(forgotten)
        self.say_nothing()

    def filters(self) -> dict[str, list[str]]:
        """The parameters of the query; all but ``header`` at most once."""
        known = (*NAMES, "since", "limit", "after", "events", "format")
        return self.repeatable_parameters(("header",), *known)

    async def _list(
        self, control: ControlPlane, form: Form, fits: RequestFilter, after: int | None, limit: int | None
    ) -> None:
        pieces = [form.before]
        size = given = 0
        following: int | None = None  # where the next page begins
        turns = Turns()
        for number, exchange in control.journal.scan(fits, after, form.oldest_first):
            if given == limit:
                break
            if exchange is not None:
                given += 1
                pieces += ((form.between if given > 1 else b""), form.each(exchange))
                size += len(pieces[-1])
                following = number
            if size > PIECE:
                await self._send(form, pieces)
                pieces, size = [], 0
            if turns.is_over:
                await turns.rest()
        else:
            following = None
        pieces.append(form.after(following))
        if self.is_flushed:
            await self._send(form, pieces)
        else:
            self.respond(Reply(200, (("Content-Type", form.media_type),), b"".join(pieces), source=None))

    async def _send(self, form: Form, pieces: list[bytes]) -> None:
        """Send a piece of a long listing, and wait until the client has taken it."""
        if not self.is_flushed:
            self.set_header("Content-Type", form.media_type)
        self.write(b"".join(pieces))
        await self.flush()


class JournalEntry(ControlHandler):
    """``/_sim/requests/{id}``: one exchange with the planned and actual offsets of its events."""

    of_all = ("journal",)

    def question(self, *path_args: str) -> dict[str, Any]:
        return {"filters": [("id", path_args[0])], "limit": 1}

    async def get(self, control: ControlPlane, id: str) -> None:
        turns = Turns()
        for _, exchange in control.journal.scan(lambda one: one.id == id):
            if exchange is not None:
                self.say(exchange_as_json(exchange, with_events=True, disclosure=control.disclosure))
                return
            if turns.is_over:
                await turns.rest()
        self.respond(refusal(404, f"No request {id[:80]!r} in the journal"))

    head = get


def _form(control: ControlPlane, name: str, with_events: bool) -> Form:
    disclosure = control.disclosure
    shown: dict[int, dict[str, Any]] = {}

    def view(exchange: Exchange) -> bytes:
        return orjson.dumps(exchange_as_json(exchange, with_events, shown, disclosure))

    if name == "json":
        end: Callable[[int | None], bytes] = lambda following: b'],"next":%b}' % orjson.dumps(following)  # noqa: E731
        return Form("application/json", b'{"requests":[', view, b",", end)
    if name == "har":
        log = orjson.dumps(har_log())[:-1]
        return Form(
            "application/json",
            b'{"log":%b,"entries":[' % log,
            lambda exchange: orjson.dumps(har_entry(exchange, disclosure)),
            b",",
            lambda following: b"]}}",
            oldest_first=True,
        )
    if name == "ndjson":
        lines: Callable[[Exchange], bytes] = lambda exchange: view(exchange) + b"\n"  # noqa: E731
        if with_events:
            lines = lambda exchange: _event_lines(event_rows(exchange, disclosure))  # noqa: E731
        return Form("application/x-ndjson", b"", lines, b"", lambda following: b"", oldest_first=True)
    if name == "csv" and with_events:
        head = ",".join(EVENT_COLUMNS).encode() + b"\r\n"
        return Form(
            "text/csv; charset=utf-8",
            head,
            lambda exchange: csv_lines(event_rows(exchange, disclosure)),
            b"",
            lambda following: b"",
            oldest_first=True,
        )
    expected = "json, har, ndjson or, with events=1, csv"
    raise BadRequest(f"format: expected {expected}, not {name[:80]!r}")


def _event_lines(rows: Iterator[Sequence[Any]]) -> bytes:
    return b"".join(orjson.dumps(dict(zip(EVENT_COLUMNS, row, strict=True))) + b"\n" for row in rows)


def instant(text: str | None) -> float | None:
    """A Unix time in seconds, or ISO 8601; without an offset it is UTC."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise BadRequest(f"since: expected a Unix time or ISO 8601, not {text[:80]!r}") from None
