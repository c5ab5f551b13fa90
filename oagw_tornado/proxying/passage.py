"""One request on its way to a real upstream, and the reply on its way back.

Request body and reply are passed on as they arrive; neither is held whole, and each is read only as fast as the other
side takes it. Whatever ends the reply to the client ends the request to the upstream in the same turn of the loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.ledger import Ledger
from oagw_tornado.evidence.view import header_lines
from oagw_tornado.gateway.body_stream import BodyLost
from oagw_tornado.gateway.refusal import refusal
from oagw_tornado.gateway.request import ServerRequest
from oagw_tornado.gateway.upstream_failure import RESPONSE_TIMEOUT, Failure
from oagw_tornado.proxying.body_up import BodyUp
from oagw_tornado.proxying.failures import failure_of, is_reset
from oagw_tornado.proxying.header_rules import TRAILER, passed_reply, passed_request
from oagw_tornado.proxying.recorder import RecordingWriter, RequestToRecord
from oagw_tornado.proxying.target import LeadsOut, target
from oagw_tornado.proxying.trailers import WANTED, ReplyTrailers, are_asked_for, passed_trailers
from oagw_tornado.reply.arriving import Arriving
from oagw_tornado.reply.boundaries import boundaries_of
from oagw_tornado.reply.reply import Reply
from oagw_tornado.reply.schedule import Action
from oagw_tornado.reply.stream_errors import LOOKED_AT, form_when_asked

if TYPE_CHECKING:
    from oagw_tornado.proxying.destination import Destination
    from oagw_tornado.proxying.upstream_connection import UpstreamConnection

log = logging.getLogger(__name__)

# What a stream says last: a client that has read it may leave before the stream has ended.
_LAST_WORDS = (b"data: [DONE]", b"data:[DONE]", b"event: message_stop", b"event: response.completed")
_TAIL = 64 * 2**10


class PassThrough:
    """One exchange with the upstream. `answer` takes the reply, once."""

    task: asyncio.Task[None]

    def __init__(
        self,
        destination: Destination,
        request: ServerRequest,
        exchange: Exchange,
        ledger: Ledger,
        answer: Callable[[Reply], None],
        takes_knobs_in_model_names: bool,
    ) -> None:
        self._destination = destination
        self._request = request
        self._exchange = exchange
        self._ledger = ledger
        self._answer = answer
        self._response: Any = None
        # On which it comes; None once all of it has.
        self._connection: UpstreamConnection | None = None
        self._body: Arriving | None = None
        # Done when the reply has come to its end.
        self._ended: asyncio.Future[None] | None = None
        self._recording: RecordingWriter | None = None
        self._is_over = False
        self._timed_out = False
        # Finds those of the reply, if the client wants them.
        self._trailers: ReplyTrailers | None = None
        self._timer: asyncio.TimerHandle | None = None
        # When something came last.
        self._came_at = 0.0
        self._says_last = False
        # Of the body: it tells whose dialect a stream is in.
        self._beginning = b""
        self._up = BodyUp(
            request,
            takes_knobs_in_model_names=takes_knobs_in_model_names,
            is_hashed=destination.recorder is not None,
        )

    async def run(self) -> None:
        """Pass it on. Raises nothing but CancelledError."""
        try:
            await self._pass()
        except Exception as error:
            log.exception("a request could not be passed on")
            self._fail(failure_of(error))
        finally:
            self._close("error")

    def stop(self, outcome: str) -> None:
        """End the request to the upstream, whatever it still has to say: the client has left, say."""
        if not self._is_over:
            self._close(outcome)
            self.task.cancel()

    def _close(self, outcome: str) -> None:
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._request.rest is not None and not self._request.rest.is_whole:
            self._request.rest.fail()
        self._hear_no_more()
        if self._response is not None:
            self._response.close()
        if self._recording is not None:
            self._recording.end(self._now(), "complete" if self._says_last else outcome)

    # Up.

    async def _pass(self) -> None:
        request, real = self._request, self._destination.real
        try:
            path, query = target(real.origin, request.sent_path, request.query)
        except LeadsOut as error:
            self._answer(refusal(400, f"Bad request: {error}"))
            return
        lines = list(header_lines(self._exchange))
        headers = passed_request(lines, self._destination.own_headers, self._destination.key_header)
        headers.append(("Host", real.origin.authority))
        if are_asked_for(lines):
            self._trailers = ReplyTrailers()
            WANTED.set(self._trailers)
            # A sender of TE also names it in Connection (RFC 9110, section 10.1.4).
            headers += [("TE", "trailers"), ("Connection", "TE")]
        if self._up.is_chunked:
            headers += [line for line in lines if line[0].lower() == TRAILER]
        if self._destination.recorder is not None:
            self._recording = self._destination.recorder.begin(self._asked(lines))
        body = self._up.content(headers, self._await_reply)
        try:
            response = await self._destination.pool.request(request.method or "", path, query, headers, body)
        except asyncio.CancelledError:
            if not self._timed_out:
                raise
            self.task.uncancel()
            self._fail(RESPONSE_TIMEOUT)
            return
        except BodyLost:
            self._close("client-left")
            return
        except Exception as error:
            self._fail(failure_of(error), str(error))
            return
        finally:
            if self._timer is not None:
                self._timer.cancel()
        self._response = response
        self._connection = response.connection.protocol if response.connection is not None else None
        await self._pass_back(response)

    def _await_reply(self) -> None:
        if self._response is None and not self._is_over:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._destination.real.response_timeout, self._time_out)

    def _time_out(self) -> None:
        self._timed_out = True
        self.task.cancel()

    def _fail(self, failure: Failure, why: str = "") -> None:
        """There is no reply: say so."""
        if self._is_over:
            return
        if self._recording is not None:
            self._recording.end(self._now(), failure.name, why)
        if self._body is None:
            self._answer(failure.reply(self._destination.alias))

    # Back.

    async def _pass_back(self, response: Any) -> None:
        exchange = self._exchange
        lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers]
        if self._recording is not None:
            self._recording.replied(self._now(), response.status, response.reason or "", lines)
        headers = passed_reply(
            lines, with_trailers=self._trailers is not None and response.headers.get("Content-Length") is None
        )
        length = response.headers.get("Content-Length", "")
        kind = response.headers.get("Content-Type", "")
        boundaries = boundaries_of(kind)
        admitted = exchange.admitted
        self._body = body = Arriving(
            lambda: monotonic() - admitted, boundaries, int(length) if length.isdigit() and len(length) < 19 else None
        )
        body.over = self._over
        if boundaries is not None:
            self._ledger.arrives(exchange)
        # What came with the head leaves with it.
        self._take()
        streams: dict[str, Any] = {"frames": ()} if boundaries is not None else {"pieces": ()}
        if boundaries is not None:
            form = form_when_asked(kind, self._request.sent_path, lambda: self._beginning)
            streams |= form._asdict()
        self._answer(
            Reply(response.status, headers, reason=response.reason or "", arriving=body, source="upstream", **streams)
        )
        if body.more is None:
            # Another reply took its place.
            return
        if body.has_ended:
            return
        self._watch()
        self._ended = asyncio.get_running_loop().create_future()
        if body.room is None:
            self._listen()
        await self._ended

    def _listen(self) -> None:
        """Take what there is, and from now on whatever comes within the read that brings it."""
        if not self._is_over and self._connection is not None:
            self._connection.came = self._take
            self._take()

    def _take(self) -> None:
        body, content, connection = self._body, self._response.content, self._connection
        assert body is not None
        try:
            # What has been read may let in more that was held up.
            while not body.is_full and (data := content.read_nowait()):
                self._came(data)
            if self._is_over or body.has_ended:
                return
            if content.at_eof():
                self._complete()
            elif body.is_full:
                # Until the client has taken most of what is here.
                self._hear_no_more()
                body.room = self._listen
            elif connection is not None and (error := connection.exception()) is not None:
                self._cut(error)
        except Exception as error:
            self._cut(error)

    def _came(self, data: bytes) -> None:
        assert self._body is not None
        now = monotonic()
        self._came_at = now
        at = now - self._exchange.admitted
        if self._recording is not None:
            self._recording.read(round(at * 1_000_000), data)
            self._says_last = any(words in data[-_TAIL:] for words in _LAST_WORDS)
        if len(self._beginning) < LOOKED_AT:
            self._beginning = (self._beginning + data)[:LOOKED_AT]
        events = self._body.feed(at, data)
        if events:
            self._ledger.arrived(self._exchange, at, events)

    def _complete(self) -> None:
        if self._trailers is not None and self._body is not None:
            self._body.trailers = passed_trailers(self._trailers.lines)
        self._end(Action.END, "complete")

    def _cut(self, error: BaseException) -> None:
        """The upstream has ended its reply where it should not: so does ours."""
        if self._connection is not None and is_reset(self._connection.exception()):
            self._end(Action.RESET, "reset", "connection reset by the upstream")
        else:
            self._end(Action.CLOSE, "cut", str(error) or type(error).__name__)

    def _end(self, action: Action, outcome: str, why: str = "") -> None:
        assert self._body is not None
        if self._timer is not None:
            self._timer.cancel()
        self._hear_no_more()
        if self._recording is not None:
            self._recording.end(self._now(), outcome, why)
        self._body.end(self._now() / 1_000_000, action, "" if action is Action.END else outcome)
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _hear_no_more(self) -> None:
        if self._connection is not None:
            self._connection.came = None

    def _watch(self) -> None:
        """See that the upstream is not silent for longer than it may be."""
        loop = asyncio.get_running_loop()
        patience = self._destination.real.idle_timeout

        def look() -> None:
            body = self._body
            left = self._came_at + patience - monotonic()
            if body is not None and body.room is not None:
                left = patience  # it is the client who is waited for
            if left > 0:
                self._timer = loop.call_later(left, look)
                return
            self._end(Action.CLOSE, "timeout", "the upstream was silent for too long")
            self._response.close()

        self._came_at = monotonic()
        self._timer = loop.call_later(patience, look)

    def _over(self) -> None:
        """Nobody takes any more of the reply."""
        body = self._body
        if body is None or not body.has_ended:
            self.stop(self._exchange.outcome or "closed")

    def _asked(self, lines: list[tuple[str, str]]) -> RequestToRecord:
        request = self._request
        body = request.body if request.rest is None else None
        return RequestToRecord(
            request.method or "",
            request.sent_path,
            request.query,
            lines if request.sent_body is None else [line for line in lines if line[0].lower() != "content-encoding"],
            body,
            self._up.sha256,
            lambda: self._up.size,
            self._exchange.wall,
        )

    def _now(self) -> int:
        return round((monotonic() - self._exchange.admitted) * 1_000_000)
