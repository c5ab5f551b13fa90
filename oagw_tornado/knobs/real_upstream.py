"""The settings of a real upstream in its description. ::

upstreams:
  openai: {url: https://api.openai.com, authorization: "env:OPENAI_API_KEY", response-timeout: 2m}
  mine: {url: http://127.0.0.1:9000/base, headers: {X-Tenant: test}, record: recordings}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from oagw_tornado.knobs.predicate import RuleError
from oagw_tornado.units.documents import quoted
from oagw_tornado.units.durations import LONGEST, format_duration, parse_duration
from oagw_tornado.units.record import record

#: What the description of a real upstream has beside what all have.
KEYS = (
    "url", "authorization", "headers", "connect-timeout", "response-timeout", "idle-timeout", "tls-ca", "record",
)  # fmt: skip

#: Header lines that a description sets.
MOST_HEADERS = 50

_PORTS = {"http": 80, "https": 443}
_ENVIRONMENT = "env:"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}", re.ASCII)
_FIELD_VALUE = re.compile(r"[!-~](?:[ -~]{0,8000}[!-~])?", re.ASCII)
_PATH = re.compile(r"[!-~]*", re.ASCII)
# Those that the connection sets, or that say how the message is framed.
_SET_OTHERWISE = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade", "expect")
)


class Origin(NamedTuple):
    """Where requests go, and nowhere else."""

    scheme: str
    host: str
    """As a URL has it: an IPv6 address without its brackets."""
    port: int
    path: str = ""
    """What stands before the path of each request, without a slash at its end."""

    @property
    def authority(self) -> str:
        """As the Host header has it: without the port that goes without saying."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


@record
class RealUpstream:
    """Where it is, what it is sent beside what the client sends, and how long it may take, in seconds."""

    origin: Origin = Origin("http", "127.0.0.1", 80)
    authorization: str = ""
    """The header's value, or ``env:NAME`` for a bearer; empty: none is sent."""
    headers: tuple[tuple[str, str], ...] = ()
    """Names and values, or ``env:NAME`` for a value."""
    connect_timeout: float = 10.0
    response_timeout: float = 600.0
    """From the whole request to the head of the reply."""
    idle_timeout: float = 300.0
    """Between two reads of the reply."""
    tls_ca: str | None = None
    """A file of certificates: the authorities that are trusted, in the place of the system's."""
    record: str | None = None
    """The directory of its recordings."""

    def as_json(self) -> dict[str, Any]:
        """As it was given, its credentials masked."""
        times = {
            "connect-timeout": self.connect_timeout,
            "response-timeout": self.response_timeout,
            "idle-timeout": self.idle_timeout,
        }
        view: dict[str, Any] = {"url": str(self.origin)}
        if self.authorization:
            view["authorization"] = _masked(self.authorization)
        if self.headers:
            view["headers"] = {name: _masked(value) for name, value in self.headers}
        view |= {name: format_duration(seconds) for name, seconds in times.items()}
        return view | {
            name: value for name, value in (("tls-ca", self.tls_ca), ("record", self.record)) if value is not None
        }

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be shown nowhere."""
        _, _, credential = self.authorization.partition(" ")
        return tuple(text for text in (self.authorization, credential, *(value for _, value in self.headers)) if text)


def parse_real_upstream(document: Mapping[str, Any]) -> RealUpstream:
    """What the description of an upstream says of a real one. Raises RuleError, which names the key."""
    if "url" not in document:
        raise RuleError(f"{next(key for key in document if key in KEYS)}: needs url, the upstream that is asked")
    return RealUpstream(
        origin=_origin(document["url"]),
        authorization=_authorization(document),
        headers=_headers(document),
        tls_ca=_file(document, "tls-ca"),
        record=_file(document, "record"),
        **{
            key.replace("-", "_"): _patience(key, document[key])
            for key in ("connect-timeout", "response-timeout", "idle-timeout")
            if key in document
        },
    )


def resolve_environment(upstream: RealUpstream, environ: Mapping[str, str]) -> RealUpstream:
    """`upstream` with the values of the variables that it names. Raises RuleError, which names the variable."""
    authorization = upstream.authorization
    if authorization.startswith(_ENVIRONMENT):
        authorization = f"Bearer {_variable('authorization', authorization, environ)}"
    headers = tuple(
        (name, _variable(f"headers.{name}", value, environ) if value.startswith(_ENVIRONMENT) else value)
        for name, value in upstream.headers
    )
    return replace(upstream, authorization=authorization, headers=headers)


def _masked(value: str) -> str:
    return value if value.startswith(_ENVIRONMENT) else "***"


def _variable(key: str, value: str, environ: Mapping[str, str]) -> str:
    name = value.removeprefix(_ENVIRONMENT)
    if name not in environ:
        raise RuleError(f"{key}: the environment has no {name}")
    # The value is not repeated: it is a credential.
    if not _FIELD_VALUE.fullmatch(environ[name]):
        raise RuleError(f"{key}: {name} of the environment is empty, or holds what no header can")
    return environ[name]


def _origin(url: Any) -> Origin:
    if not isinstance(url, str):
        raise RuleError(f"url: expected a URL such as https://api.openai.com, not {quoted(url)}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RuleError(f"url: {quoted(url)}: {error}") from None
    if parts.username is not None or "@" in parts.netloc:
        raise RuleError("url: holds a name or a password; credentials are given by authorization or headers")
    if parts.scheme not in ("http", "https") or not parts.hostname or not _PATH.fullmatch(url):
        raise RuleError(f"url: {quoted(url)} is not a URL such as https://api.openai.com or http://127.0.0.1:9000/base")
    if "?" in url or "#" in url:
        raise RuleError(f"url: {quoted(url)}: expected no query and no fragment")
    if port == 0:
        raise RuleError(f"url: {quoted(url)}: expected a port from 1 to 65535")
    if ".." in parts.path.split("/"):
        raise RuleError(f"url: {quoted(url)}: expected a path without ..")
    return Origin(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], parts.path.rstrip("/"))


def _authorization(document: Mapping[str, Any]) -> str:
    if "authorization" not in document:
        return ""
    return _value("authorization", document["authorization"])


def _value(key: str, value: Any) -> str:
    # The wrong value is not quoted: it may be a credential.
    if not isinstance(value, str) or not _FIELD_VALUE.fullmatch(value):
        raise RuleError(f"{key}: expected the value of a header, or env:NAME")
    if value.startswith(_ENVIRONMENT) and not _VARIABLE.fullmatch(value.removeprefix(_ENVIRONMENT)):
        raise RuleError(f"{key}: expected the name of a variable behind env:")
    return value


def _headers(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    given = document.get("headers", {})
    if not isinstance(given, dict):
        raise RuleError(f"headers: expected an object of names and values, not {quoted(given)}")
    if len(given) > MOST_HEADERS:
        raise RuleError(f"headers: expected at most {MOST_HEADERS}")
    for name in given:
        if not isinstance(name, str) or not _FIELD_NAME.fullmatch(name):
            raise RuleError(f"headers: {quoted(name)} is not the name of a header")
        if name.lower() in _SET_OTHERWISE:
            raise RuleError(f"headers.{name}: is set by the gateway itself")
        if name.lower() == "authorization" and "authorization" in document:
            raise RuleError(f"headers.{name}: is given by authorization too")
    return tuple((name, _value(f"headers.{name}", value)) for name, value in given.items())


def _file(document: Mapping[str, Any], key: str) -> str | None:
    if key not in document:
        return None
    value = document[key]
    if not isinstance(value, str) or not value or "\0" in value:
        raise RuleError(f"{key}: expected a path, not {quoted(value)}")
    return value


def _patience(key: str, value: Any) -> float:
    try:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise ValueError(f"expected a duration such as 30s, not {quoted(value)}")
        seconds = parse_duration(str(value))
        if not 0.001 <= seconds <= LONGEST:
            raise ValueError(f"{str(value)[:80]!r} is not between 1ms and {format_duration(LONGEST)}")
    except ValueError as error:
        raise RuleError(f"{key}: {error}") from None
    return seconds
