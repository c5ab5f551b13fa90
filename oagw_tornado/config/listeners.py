"""Where a server listens: one address, as it is written and as a value. Pure.

``http://127.0.0.1:8765``, ``https://[::1]:8443``, ``unix:/run/oagw.sock`` and ``fd://3`` (a socket that a supervisor
has opened), optionally followed by ``?proxy-protocol`` or ``?tls-fault=expired`` for this address only.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from oagw_tornado.units.durations import format_duration, parse_duration

#: What can be wrong with a certificate on purpose.
CERTIFICATE_FAULTS = ("expired", "wrong-host", "self-signed")
#: What else can go wrong before the first request.
HANDSHAKE_FAULTS = ("slow-handshake", "reset-in-handshake")

_EXAMPLES = "http://127.0.0.1:8765, https://[::1]:8443, unix:/run/oagw.sock or fd://3"


class TlsFault(NamedTuple):
    """What goes wrong on purpose before a request can be sent over TLS."""

    kind: str
    """One of `CERTIFICATE_FAULTS` or `HANDSHAKE_FAULTS`."""
    delay: float = 0.0
    """Of ``slow-handshake``, in seconds."""

    def __str__(self) -> str:
        return f"{self.kind}={format_duration(self.delay)}" if self.kind == "slow-handshake" else self.kind


class Listener(NamedTuple):
    """One address. Either `path`, `descriptor` or `host` says which kind it is."""

    host: str = ""
    port: int = 0
    path: str = ""
    """Of a Unix socket."""
    descriptor: int = -1
    """Of a socket that is listening already."""
    is_secure: bool = False
    """It speaks TLS."""
    proxy_protocol: bool = False
    """Each connection begins with a PROXY header."""
    tls_fault: TlsFault | None = None
    mode: int | None = None
    """Of the file of a Unix socket; None: for its owner alone if it is for control, else what the umask leaves."""

    def __str__(self) -> str:
        given = [
            *(["tls"] if self.is_secure and not self.host else ()),
            *(["proxy-protocol"] if self.proxy_protocol else ()),
            *([f"tls-fault={self.tls_fault}"] if self.tls_fault is not None else ()),
            *([f"mode={self.mode:04o}"] if self.mode is not None else ()),
        ]
        return self.url(self.port) + (f"?{'&'.join(given)}" if given else "")

    def url(self, port: int) -> str:
        """The address alone, with the port that it has in the end."""
        if self.path:
            return f"unix:{self.path}"
        if self.descriptor >= 0:
            return f"fd://{self.descriptor}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.is_secure else 'http'}://{host}:{port}"


def parse_listener(text: str) -> Listener:
    """Read one address; ``:9000``, ``9000`` and ``localhost:9000`` are short for ``http://…``. Raises ValueError."""
    given = text.strip()
    if given.isascii() and given.isdigit():
        given = f"http://127.0.0.1:{given}"
    elif given.startswith(":"):
        given = f"http://127.0.0.1{given}"
    elif re.fullmatch(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]+", given):
        given = f"http://{given}"
    address, _, query = given.partition("?")
    settings = _settings(text, query)
    if address.startswith("unix:"):
        return _unix(text, address[5:])._replace(**settings)
    if "mode" in settings:
        raise ValueError(f"{text[:200]!r}: mode is for unix: alone")
    listener = _descriptor(text, address) if address.startswith("fd:") else _tcp(text, address)
    fault = settings.get("tls_fault")
    if fault is not None and not (listener.is_secure or settings.get("is_secure")):
        raise ValueError(f"{text[:200]!r}: tls-fault is for https:// alone")
    return listener._replace(**settings)


def parse_tls_fault(text: str) -> TlsFault:
    """Read ``expired``, ``wrong-host``, ``self-signed``, ``slow-handshake=2s``, ``reset-in-handshake``.

    Raises ValueError.
    """
    kind, equals, value = (part.strip() for part in text.partition("="))
    if kind == "slow-handshake" and equals:
        delay = parse_duration(value)
        if delay > 0:
            return TlsFault(kind, delay)
    elif not equals and kind in (*CERTIFICATE_FAULTS, "reset-in-handshake"):
        return TlsFault(kind)
    faults = ", ".join((*CERTIFICATE_FAULTS, "slow-handshake=DURATION", "reset-in-handshake"))
    raise ValueError(f"{text[:80]!r} is not one of {faults}")


def _unix(text: str, path: str) -> Listener:
    path = "/" + path.lstrip("/") if path.startswith("//") else path
    if not path or "\0" in path or len(path.encode("utf-8", "surrogateescape")) > 100:
        raise ValueError(
            f"{text[:200]!r}: expected the path of a socket, at most 100 bytes, such as unix:/run/oagw.sock"
        )
    return Listener(path=path)


def _descriptor(text: str, address: str) -> Listener:
    match = re.fullmatch(r"fd:(?://)?([0-9]{1,6})", address)
    if match is None:
        raise ValueError(f"{text[:200]!r}: expected the number of a descriptor, such as fd://3")
    return Listener(descriptor=int(match[1]))


def _tcp(text: str, address: str) -> Listener:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"{text[:200]!r} is not an address") from None
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{text[:200]!r} is not an address such as {_EXAMPLES}")
    if parts.path not in ("", "/") or parts.fragment or "@" in parts.netloc or not host or " " in host:
        raise ValueError(f"{text[:200]!r} is not {parts.scheme}://HOST:PORT")
    if port is None:
        raise ValueError(f"{text[:200]!r} has no port; 0 is any free one")
    return Listener(host=host, port=port, is_secure=parts.scheme == "https")


def _settings(text: str, query: str) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name == "proxy-protocol" and value in ("", "yes", "no"):
            settings["proxy_protocol"] = value != "no"
        elif name == "tls" and value in ("", "yes", "no"):
            settings["is_secure"] = value != "no"
        elif name == "tls-fault":
            settings["tls_fault"] = parse_tls_fault(value)
        elif name == "mode" and re.fullmatch(r"0?[0-7]{3}", value):
            settings["mode"] = int(value, 8)
        else:
            raise ValueError(
                f"{text[:200]!r}: {name[:40]}={value[:40]!r}: expected proxy-protocol, tls, tls-fault or mode"
            )
    return settings
