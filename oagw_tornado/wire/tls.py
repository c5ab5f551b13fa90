"""What a listener needs for TLS: its certificate and the authorities it trusts, read again when the files change.

Imported only for a listener that uses TLS, because `ssl` takes a while to load.
"""

from __future__ import annotations

import logging
import os
import ssl
from time import monotonic
from typing import NamedTuple

log = logging.getLogger(__name__)

#: How often the files are looked at, in seconds.
LOOK = 1.0


class TlsFiles(NamedTuple):
    """Paths of PEM files."""

    certificate: str
    key: str | None
    """None: it stands in the certificate's file."""
    client_authority: str | None = None
    """Whose certificates clients must show; None: they need none."""


class TlsError(Exception):
    """A file that is of no use. `option` is whose it is, the text says what is wrong with it."""

    def __init__(self, option: str, reason: str) -> None:
        super().__init__(reason)
        self.option = option


class TlsTerms:
    """The TLS context of one listener, made again when one of its files has changed."""

    def __init__(self, files: TlsFiles) -> None:
        """Raises TlsError."""
        self._files = files
        self._seen = self._stamps()
        self._context = new_context(files)
        self._looked = monotonic()

    @property
    def context(self) -> ssl.SSLContext:
        """That of the next handshake. If what has changed is of no use (half written, say), the old one goes on."""
        now = monotonic()
        if now - self._looked >= LOOK:
            self._looked = now
            stamps = self._stamps()
            if stamps != self._seen:
                self._seen = stamps
                try:
                    self._context = new_context(self._files)
                    log.info("the certificate was reloaded: %s", self._files.certificate)
                except TlsError as error:
                    log.warning("%s: %s; the certificate of before goes on", error.option, error)
        return self._context

    def _stamps(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(path) for path in self._files if path is not None)


def new_context(files: TlsFiles) -> ssl.SSLContext:
    """The server's side of TLS 1.2 and up; HTTP/1.1 is all that is spoken over it. Raises TlsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    # Nobody is asked for a password on a terminal that may not be there.
    try:
        context.load_cert_chain(files.certificate, files.key, password=lambda: b"")
    except ssl.SSLError as error:
        raise TlsError("--tls-cert", f"{files.certificate}: {_explained(error)}") from None
    except OSError as error:
        raise TlsError("--tls-cert", f"cannot read {_unreadable(files)}: {error.strerror or error}") from None
    if files.client_authority is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(files.client_authority)
        except ssl.SSLError:
            raise TlsError("--tls-client-ca", f"{files.client_authority} has no certificate in PEM") from None
        except OSError as error:
            reason = f"cannot read {files.client_authority}: {error.strerror or error}"
            raise TlsError("--tls-client-ca", reason) from None
    return context


def _explained(error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key is not that of the certificate (--tls-key)"
    if error.reason in ("BAD_DECRYPT", "BAD_PASSWORD_READ"):
        return "the key is encrypted"
    return "no certificate and key in PEM"


def _unreadable(files: TlsFiles) -> str:
    unreadable = [path for path in (files.certificate, files.key) if path and not os.access(path, os.R_OK)]
    return " and ".join(unreadable) or files.certificate


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
