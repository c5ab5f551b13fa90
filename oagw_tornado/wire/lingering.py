"""Lingering close: behind its last reply a connection is read on for a while, and what comes is thrown away.

Closed at once it would be reset by what its client still sends, and a reset can overtake the reply (RFC 9112,
section 9.6).
"""

from __future__ import annotations

from oagw_tornado.wire.deadlines import LINGER_BYTES
from oagw_tornado.wire.socket_connection import SocketConnection, SocketServer


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
