"""``/_sim/live``: the traffic as it happens, as server-sent events."""

from __future__ import annotations

import socket
from asyncio import Future
from dataclasses import fields
from typing import Any

from oagw_tornado import __version__
from oagw_tornado.config.config import Config
from oagw_tornado.control.control import ControlPlane
from oagw_tornado.control.handlers import BadRequest, ControlHandler
from oagw_tornado.evidence.request_filter import NAMES, RequestFilter
from oagw_tornado.gateway.refusal import refusal
from oagw_tornado.page.feed import MOST_VIEWERS
from oagw_tornado.page.numbering import Numbering
from oagw_tornado.page.viewer import TOPICS, Viewer
from oagw_tornado.reply.reply import EVENT_STREAM

#: Bytes that the kernel holds for a viewer that does not read: what is more waits here, and nothing is made anew.
_SEND_BUFFER = 16 * 2**10


class Live(ControlHandler):
    """``/_sim/live?show=…``: at most ten updates a second, each a JSON object of what has changed.

    ``show`` names topics, joined by commas: ``streams``, ``requests``, ``gates``, ``rules``; the figures of each second
    are always sent. Filters are those of ``/_sim/requests`` and hold for streams and requests.
    """

    _auto_finish = False
    _viewer: Viewer | None = None
    _sent: Future[None] | None = None
    _feed: Any

    def get(self, control: ControlPlane) -> None:
        with self.refusing():
            given = self.repeatable_parameters(("header",), *NAMES, "show")
            topics = _topics(given.pop("show", [""])[0])
            fits = RequestFilter(control.disclosure)
            filters = [(name, text) for name, texts in given.items() for text in texts]
            fits.read(filters)
            feed = control.live
            if len(feed.viewers) >= MOST_VIEWERS:
                self.respond(refusal(503, f"{MOST_VIEWERS} pages are open already", hint="Close one of them"))
                return
            journal = control.journal
            self._feed = feed
            numbering = Numbering() if feed.others is None else Numbering(0)
            self._viewer = Viewer(self, topics, _hello(control), journal, control.disclosure, fits, filters, numbering)
            for name, value in EVENT_STREAM:
                self.set_header(name, value)
            self.responder.ledger.looks_on(self.exchange)
            self._bound_buffer()
            self.send(b"retry: 1000\n\n")
            feed.join(self._viewer)

    def head(self, control: ControlPlane) -> None:
        for name, value in EVENT_STREAM:
            self.set_header(name, value)
        self.finish()

    # As `oagw_tornado.page.viewer.Outlet` has it.

    @property
    def is_blocked(self) -> bool:
        return self._sent is not None and not self._sent.done()

    def send(self, data: bytes) -> None:
        if not self.is_finished and not self._is_over:
            self.write(data)
            self._sent = self.flush()

    def end(self) -> None:
        self._leave()
        if self.is_blocked:
            self.give_up()
        elif not self.is_finished:
            self.finish()

    def give_up(self) -> None:
        self._leave()
        connection: Any = self.request.connection
        self._close_exchange("closed")
        self.is_finished = True
        connection.reset()

    def client_left(self) -> None:
        self._leave()
        super().client_left()

    def cut(self) -> None:
        self._leave()
        super().cut()

    def _leave(self) -> None:
        viewer, self._viewer = self._viewer, None
        if viewer is not None:
            self._feed.leave(viewer)
            self.responder.ledger.looked_on(self.exchange)

    def _bound_buffer(self) -> None:
        connection: Any = self.request.connection
        own: socket.socket | None = connection.socket
        if own is not None:  # else the client has left
            own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)


def _topics(text: str) -> frozenset[str]:
    topics = frozenset(topic.strip() for topic in text.split(",") if topic.strip())
    for topic in topics.difference(TOPICS):
        raise BadRequest(f"show: expected some of {', '.join(TOPICS)}, not {topic[:80]!r}")
    return topics


def _hello(control: ControlPlane) -> dict[str, Any]:
    """What does not change while the server runs. A token is told only if it is one that everybody knows."""
    config = control.responder.config
    public = next(field.default for field in fields(Config) if field.name == "tokens")
    token = next((token for token in config.tokens if isinstance(public, tuple) and token in public), None)
    return {
        "version": __version__,
        "aliases": list(control.responder.aliases),
        "gateway": control.own_addresses[0].rstrip("/") if control.own_addresses else None,
        "token": token,
        "journal-size": config.journal_size,
        "shares-state": control.sharing is not None,
        "topics": TOPICS,
    }
