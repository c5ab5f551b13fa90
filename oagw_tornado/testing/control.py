"""The control plane of a running simulator, ``/_sim/…``, as an object. Calls block for a round trip."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Mapping, Sequence
from http.client import HTTPConnection
from os import PathLike
from os.path import abspath
from typing import Any, Literal, cast
from urllib.parse import quote, urlencode

from oagw_tornado.testing.parts import Reply, reply_document
from oagw_tornado.testing.request import Request


class ControlError(Exception):
    """The simulator refused a call. `status` is that of its reply, the text is its reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{reason} (status {status})")
        self.status = status


class Control:
    """Changes how a running simulator behaves, and reports what it saw.

    Options, knobs and parts of a rule are keyword arguments with their own names, with ``_`` for ``-``:
    ``add_rule(when={"first": 2}, fault="status;code=429")``, ``configure(inter_token_latency="5ms")``.
    """

    def __init__(
        self,
        host: str,
        port: int,
        admin_token: str | None = None,
        timeout: float = 10.0,
        *,
        is_secure: bool = False,
        path: str | None = None,
    ) -> None:
        """`is_secure`: use TLS, without verifying the certificate. `path`: a Unix socket, instead of host and port."""
        self._host = host
        self._port = port
        self._is_secure = is_secure
        self._path = path
        self._headers = {"Authorization": f"Bearer {admin_token}"} if admin_token is not None else {}
        self._timeout = timeout

    def add_rule(self, rule: Mapping[str, Any] | None = None, /, **parts: Any) -> Any:
        """Append a rule: ``match``, ``when``, ``source`` and any knobs. Returns the rule."""
        return self.call("POST", "/_sim/rules", body={**(rule or {}), **_kebab(parts)})

    def reply(self, reply: Reply, /, **parts: Any) -> Any:
        """Add a rule that replies with `reply`: a text, a part of `oagw_tornado.testing`, a list of these, or an HTTP
        reply as a dictionary. `match`, `when` and knobs as for `add_rule`. Returns the rule."""
        return self.add_rule({"reply": reply_document(reply)}, **parts)

    def explain(self, **described: Any) -> Any:
        """Which rule would apply to a request with this `alias`, `path`, `method`, `headers`, `query` and `body`, and
        which come nearest."""
        return self.call("POST", "/_sim/rules/explain", body=described)

    def add_upstream(self, alias: str, /, **described: Any) -> Any:
        """Describe an upstream: ``service="openai"``, ``token=[…]``, knobs; without any, only rules answer."""
        return self.call("PUT", f"/_sim/upstreams/{quote(alias, safe='')}", body=_kebab(described))

    def rules(self) -> list[dict[str, Any]]:
        """The rules, in order."""
        return cast(list[dict[str, Any]], self.call("GET", "/_sim/rules")["rules"])

    def configure(self, **options: Any) -> Any:
        """Change options while the server runs, all of them or none. Returns the whole configuration."""
        return self.call("PATCH", "/_sim/config", body=_kebab(options))

    def replay(
        self,
        directory: str | PathLike[str] | None,
        *,
        on_miss: Literal["fail", "pass"] | None = None,
        speed: float | None = None,
        ignore: str | Sequence[str] | None = None,
        per: str | None = None,
    ) -> Any:
        """Answer with the recordings in `directory` until the next reset; None turns replaying off. Arguments that are
        left out have their defaults. Returns the number of recordings per upstream.

        `ignore` lists fields of requests to ignore: ``"user"``, ``"metadata.id"``, ``"?timestamp"``.
        """
        fields = ignore if ignore is None or isinstance(ignore, str) else list(ignore)
        options = {"on-miss": on_miss, "replay-speed": speed, "replay-ignore": fields, "replay-per": per}
        place = None if directory is None else abspath(directory)
        self.call("PATCH", "/_sim/config", body={"replay": place, **options})
        return self.replays(limit=0)["upstreams"]

    def replays(self, *, limit: int | None = None, events: bool = False) -> dict[str, Any]:
        """What was replayed, the latest first, and how far each event was from its recorded instant."""
        query = {"limit": limit, "events": "1" if events else None}
        return cast(dict[str, Any], self.call("GET", "/_sim/replays", query=query))

    def requests(
        self,
        *,
        alias: str | None = None,
        status: int | str | None = None,
        since: str | float | None = None,
        limit: int | None = None,
        path: str | None = None,
        method: str | None = None,
        model: str | None = None,
        outcome: str | None = None,
        rule: str | None = None,
        source: str | None = None,
        header: str | Mapping[str, str] | None = None,
        events: bool = False,
    ) -> list[Request]:
        """The requests that the journal holds and that fit, the newest first; with their `events` if asked for.

        `path`, `model`, `outcome` and `rule` are globs; `header` is a name, or names and globs for their values.
        """
        query = {
            "alias": alias, "status": status, "since": since, "limit": limit, "path": path, "method": method,
            "model": model, "outcome": outcome, "rule": rule, "source": source, "header": _headers(header),
            "events": "1" if events else None,
        }  # fmt: skip
        return list(map(Request, self.call("GET", "/_sim/requests", query=query)["requests"]))

    def request(self, id: str) -> Request:
        """One request of the journal, with the planned and the actual times of its events."""
        return Request(self.call("GET", f"/_sim/requests/{quote(id, safe='')}"))

    def timing(self) -> dict[str, Any]:
        """How late the events left since the last reset: ``events``, ``late_ms``, ``earliest_ms`` and so on."""
        return cast(dict[str, Any], self.call("GET", "/_sim/timing"))

    def conduct(
        self,
        *,
        ignore: Iterable[str] = (),
        final: bool = False,
        cancel_within: str | None = None,
        alias: str | None = None,
        since: str | float | None = None,
    ) -> dict[str, Any]:
        """How the client or gateway behaved, by all rules but those that are to be ignored. `final`: it has finished,
        and what it has not done it never will."""
        query = {
            "ignore": list(ignore), "final": "1" if final else None, "cancel-within": cancel_within, "alias": alias,
            "since": since,
        }  # fmt: skip
        return cast(dict[str, Any], self.call("GET", "/_sim/conduct", query=query))

    def mark(self, name: str, *, time: float | None = None, received: Iterable[float] = ()) -> Any:
        """Say that the gateway's own client left, now or at `time` (Unix time); of one request if `name` is its id.
        With `received`, when the events of that request's reply arrived behind the gateway."""
        given = {"time": time, "received": list(received) or None}
        body = {key: value for key, value in given.items() if value is not None}
        return self.call("POST", f"/_sim/marks/{quote(name, safe='')}", body=body)

    def release(self, gate: str, events: int | Literal["all"] = "all") -> Any:
        """Let `events` more events pass the gate, or all that will come."""
        return self.call("POST", f"/_sim/gates/{quote(gate, safe='')}/release", query={"events": events})

    def reset(self) -> None:
        """Back to the state at start: configuration and rules as started, journal and timing empty, gates released."""
        self.call("POST", "/_sim/reset")

    def call(self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """Any call of the interface; returns the JSON of its reply. Raises ControlError for a refusal."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        connection = connect(self._host, self._port, self._timeout, is_secure=self._is_secure, path=self._path)
        try:
            connection.request(
                method,
                f"{path}?{urlencode(given, doseq=True)}" if given else path,
                None if body is None else json.dumps(body),
                {**self._headers, **({} if body is None else {"Content-Type": "application/json"})},
            )
            reply = connection.getresponse()
            text = reply.read().decode()
        finally:
            connection.close()
        if reply.status >= 400:
            raise ControlError(reply.status, _reason(text))
        return json.loads(text) if text else None


def connect(
    host: str, port: int, timeout: float, *, is_secure: bool = False, path: str | None = None
) -> HTTPConnection:
    """A connection to a server of ours."""
    if path is not None:
        return _UnixConnection(path, timeout)
    if not is_secure:
        return HTTPConnection(host, port, timeout=timeout)
    import ssl
    from http.client import HTTPSConnection

    # The test started the server itself, and the certificate may be a bad one on purpose.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return HTTPSConnection(host, port, timeout=timeout, context=context)


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _kebab(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in parts.items()}


def _headers(header: str | Mapping[str, str] | None) -> list[str] | None:
    if header is None or isinstance(header, str):
        return None if header is None else [header]
    return [f"{name}:{glob}" for name, glob in header.items()]


def _reason(text: str) -> str:
    try:
        error = json.loads(text)["error"]
    except (ValueError, KeyError, TypeError):
        return text[:500]
    return str(error)
