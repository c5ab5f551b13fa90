"""The stock engine's stream over TLS."""

from __future__ import annotations

import logging
import socket
import ssl
from typing import Any

from tornado.iostream import SSLIOStream

from oagw_tornado.wire.request_stream import RequestStream, StreamServer

log = logging.getLogger(__name__)


class QuietSocket(ssl.SSLSocket):
    """Tells of a handshake that fails as of a client that has gone: tornado logs any other failure as a warning."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except ssl.SSLError as error:
            if error.args[0] != ssl.SSL_ERROR_SSL:
                raise
            log.debug("the TLS handshake fails: %s", error.reason)
            raise ssl.SSLError(ssl.SSL_ERROR_EOF, error.reason) from None


class SecureRequestStream(RequestStream, SSLIOStream):
    """The stream of one connection over TLS; its handshake has the time of a connection that waits."""

    def __init__(self, connection: socket.socket, server: StreamServer, context: ssl.SSLContext) -> None:
        context.sslsocket_class = QuietSocket
        secured = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        super().__init__(secured, server, ssl_options=context)

    def end_sending(self) -> None:
        self._say_goodbye()
        # The TLS socket's own method would forget that it is one.
        socket.socket.shutdown(self.socket, socket.SHUT_WR)

    def close(self, exc_info: Any = False) -> None:
        if not self.closed() and not self.is_reset:
            self._say_goodbye()
        super().close(exc_info)

    def _say_goodbye(self) -> None:
        """Tell the client that nothing follows (RFC 8446, section 6.1): else a cut looks like an attack."""
        try:
            self.socket.unwrap()
        except (OSError, ValueError):
            pass  # it waits for the client's own goodbye, which nobody needs; or there never was a handshake
