"""Lingering close: after its last reply, a connection is read for a while, and what arrives is discarded.

If it were closed at once, bytes that the client still sends would cause a reset, which can overtake the reply (RFC
9112, section 9.6).
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from oagw_tornado.wire.deadlines import LINGER_BYTES, end_wait
from oagw_tornado.wire.socket_connection import SocketConnection, SocketServer

log = logging.getLogger(__name__)


class LingeringConnection(SocketConnection):
    """A connection that can end behind a reply without losing it."""

    __slots__ = ("_lingered", "_has_ended")

    def __init__(self, server: SocketServer) -> None:
        super().__init__(server)
        # Bytes read since the last reply, once the connection lingers.
        self._lingered = -1
        # True once the client has ended its side.
        self._has_ended = False

    def _linger(self) -> None:
        self.send_held()
        if self._fd < 0:
            return
        self._lingered = 0
        self._server.deadlines.linger.begin(self)
        if self._has_ended or not self._transport.can_write_eof():
            self.close()
            return
        try:
            self._transport.write_eof()
        except OSError:
            self.abort()  # the client has reset the connection
            return
        if not self._transport.is_reading():
            self._transport.resume_reading()

    def _linger_on(self, size: int) -> None:
        self._lingered += size
        if self._lingered > LINGER_BYTES:
            self.abort()

    # The connection is lost.

    def _let_go(self, tell_reader: Callable[[], object] | None) -> None:
        """Hold nothing any more, and tell who waits for the client that it has left."""
        self._fd = -1
        self._held = b""
        end_wait(self)
        about, self._about = self._about, None
        for each in about if type(about) is list else () if about is None else (about,):
            self._server.delegate.lost(each)
        if getattr(self._transport, "_read_ready_cb", None) is not None:
            # asyncio's transport refers to itself by it, and would wait for the collector with all that it holds.
            self._transport._read_ready_cb = None  # type: ignore[attr-defined]
        close_callback, self.close_callback = self.close_callback, None
        drained, self.drained = self.drained, None
        for tell in (tell_reader, close_callback, drained):
            if tell is not None:
                try:
                    tell()
                except Exception:
                    log.exception("who waited for a client that has left could not be told")
