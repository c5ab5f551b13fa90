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
        raise _explained(files, error) from None
    except OSError as error:
        raise _unreadable(files, error) from None
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


def _explained(files: TlsFiles, error: ssl.SSLError) -> TlsError:
    """Which of the two files is of no use, and why: OpenSSL says neither."""
    certificate, key = files.certificate, files.key or files.certificate
    in_certificate, in_key = _content(certificate), _content(key)
    if b"-----BEGIN CERTIFICATE-----" not in in_certificate:
        return TlsError("--tls-cert", f"{certificate} has no certificate in PEM")
    option = "--tls-cert" if files.key is None else "--tls-key"
    if b"PRIVATE KEY-----" not in in_key:
        hint = "; --tls-key names the file of one" if files.key is None else " in PEM"
        return TlsError(option, f"{key} has no private key{hint}")
    if b"ENCRYPTED" in in_key:
        return TlsError(option, f"the key in {key} is encrypted; expected one without a password")
    if error.reason == "KEY_VALUES_MISMATCH":
        return TlsError(option, f"the key in {key} is not that of the certificate in {certificate}")
    return TlsError("--tls-cert", f"{certificate}: no certificate and key in PEM")


def _unreadable(files: TlsFiles, error: OSError) -> TlsError:
    for option, path in (("--tls-cert", files.certificate), ("--tls-key", files.key)):
        if path is not None and not (os.path.isfile(path) and os.access(path, os.R_OK)):
            return TlsError(option, f"cannot read {path}: {_reason(path)}")
    return TlsError("--tls-cert", f"cannot read {files.certificate}: {error.strerror or error}")


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(2**20)
    except OSError:
        return b""


def _reason(path: str) -> str:
    try:
        open(path, "rb").close()
    except OSError as error:
        return error.strerror or str(error)
    return "it is no file"


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
