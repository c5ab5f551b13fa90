"""The fast engine over TLS: an `Http1Connection` whose bytes pass through OpenSSL on their way in and out.

TLS is done here, in memory, instead of by the event loop's own layer: encrypted bytes leave in the same way as plain
ones, by one `write` on the socket while nothing is queued before them, so an event costs little more than without TLS.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from os import write
from typing import TYPE_CHECKING

from oagw_tornado.wire.http1 import Http1Connection
from oagw_tornado.wire.tls_refusal import PLAIN_HTTP

if TYPE_CHECKING:
    from oagw_tornado.wire.deadlines import TimeoutQueue
    from oagw_tornado.wire.socket_connection import SocketServer
    from oagw_tornado.wire.tls import TlsTerms

log = logging.getLogger(__name__)

#: Bytes read in one piece: a record holds at most 16 KiB.
_PIECE = 2**16
#: The most that is encrypted in one go (RFC 8446, section 5.1).
_RECORD = 2**14


class TlsConnection(Http1Connection):
    """One connection over TLS."""

    __slots__ = ("_tls", "_incoming", "_outgoing", "_is_secure", "_encrypt", "_encrypted")

    def __init__(self, server: SocketServer, terms: TlsTerms) -> None:
        super().__init__(server)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = terms.context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        # What an event needs of both, at hand.
        self._encrypt = self._tls.write
        self._encrypted = self._outgoing.read
        # True once the handshake is over.
        self._is_secure = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._fd >= 0:
            # A handshake has the time of a head.
            self._server.deadlines.head.begin(self)

    @property
    def descriptor(self) -> int:
        return -1

    @property
    def scheme(self) -> str:
        return "https"

    # In.

    def data_received(self, data: bytes) -> None:
        if self._fd < 0 or self._lingered >= 0:
            super().data_received(data)
            return
        self._incoming.write(data)
        if not self._is_secure and not self._shake_hands():
            return
        pieces = []
        is_over = False
        try:
            while piece := self._tls.read(_PIECE):
                pieces.append(piece)
            is_over = True  # the client has closed its side in order
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            is_over = True
        except ssl.SSLError as error:
            log.debug("%s: TLS fails: %s", self.client, error.reason)
            self._send_pending()
            self.abort()
            return
        self._send_pending()
        if pieces:
            super().data_received(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if is_over and self._fd >= 0:
            asyncio.get_running_loop().call_soon(self._end_of_input)

    def _end_of_input(self) -> None:
        """What the end of the client's side means without TLS."""
        if self._fd >= 0 and not self.eof_received():
            self._transport.close()

    def _shake_hands(self) -> bool:
        """Go on with the handshake; True once it is over."""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send_pending()
            return False
        except ssl.SSLError as error:
            log.debug("%s: the TLS handshake fails: %s", self.client, error.reason)
            if error.reason == "HTTP_REQUEST":
                super().send(PLAIN_HTTP)
            self._send_pending()
            super().close()
            return False
        self._send_pending()
        self._is_secure = True
        self._server.deadlines.idle.begin(self)
        return True

    # Out.

    def send(self, data: bytes) -> bool:
        if self._held:
            self.send_held()
        if self._fd < 0:
            return super().send(data)
        try:
            sent = self._tls.write(data)
            while sent < len(data):
                sent += self._tls.write(memoryview(data)[sent:])
        except ssl.SSLError:  # the client has broken the connection off
            self.abort()
            return False
        return super().send(self._outgoing.read())

    @property
    def takes_pieces(self) -> bool:
        return self._fd >= 0

    def send_piece(self, data: bytes) -> bool:
        if self._held or self._queued or len(data) > _RECORD:
            return self.send(data)
        try:
            self._encrypt(data)
        except ssl.SSLError:
            self.abort()
            return False
        record = self._encrypted()
        try:
            sent = write(self._fd, record)
        except OSError:  # the kernel's buffer is full, or the client has gone: `send` finds out which
            return super().send(record)
        if sent == len(record):
            return True
        self._transport.write(record[sent:])
        return self._transport.get_write_buffer_size() == 0

    def _send_pending(self) -> None:
        """Send what OpenSSL has to say for itself."""
        if self._outgoing.pending and self._fd >= 0:
            super().send(self._outgoing.read())

    def _say_goodbye(self) -> None:
        """Tell the client that nothing follows (RFC 8446, section 6.1): else a cut looks like an attack."""
        if self._is_secure and self._fd >= 0:
            try:
                self._tls.unwrap()
            except ssl.SSLError:
                pass  # it waits for the client's own goodbye, which nobody needs
            self._send_pending()

    def close(self) -> None:
        self.send_held()
        self._say_goodbye()
        super().close()

    def _linger(self) -> None:
        self.send_held()
        self._say_goodbye()
        super()._linger()

    def time_out(self, timeout_queue: TimeoutQueue) -> None:
        if self._is_secure:
            super().time_out(timeout_queue)
        else:
            self.abort()
