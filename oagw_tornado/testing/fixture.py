"""What the fixture `oagw` is: a running server, its control interface, and assertions on what arrived there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from oagw_tornado.testing.control import Control
from oagw_tornado.testing.server import SimulatorServer

Request = Mapping[str, Any]

SHOWN = 20
"""Requests that a failed assertion lists at most."""


class Oagw:
    """The simulator of a test session, as one test sees it: as started, with an empty journal."""

    def __init__(self, server: SimulatorServer) -> None:
        self.server = server
        self.control: Control = server.control
        self.add_rule = self.control.add_rule
        self.configure = self.control.configure
        self.release = self.control.release
        self.requests = self.control.requests
        self.request = self.control.request
        self.timing = self.control.timing
        self.reset = self.control.reset

    def __repr__(self) -> str:
        return f"<Oagw at {self.base_url}>"

    @property
    def base_url(self) -> str:
        """The gateway's own address, without a path."""
        return self.server.base_url

    @property
    def openai_base_url(self) -> str:
        """What an OpenAI SDK takes as its base URL; its API key is `token`."""
        return self.server.openai_base_url

    @property
    def token(self) -> str:
        """The bearer token that the gateway accepts."""
        return self.server.token

    def assert_requested(
        self,
        *,
        alias: str | None = None,
        path: str | None = None,
        method: str | None = None,
        status: int | None = None,
        outcome: str | None = None,
        count: int | None = None,
        within: float = 0.0,
    ) -> list[Request]:
        """Assert that `count` requests, or at least one, fit all that is given; gives them, the newest first.

        `path` is that of the service, such as ``/v1/chat/completions``, and may be a glob. `outcome` is how the
        reply ended: ``complete``, ``client-left``, ``fault:reset``. What is still under way has some more seconds,
        `within`, to come true. The failure shows what did arrive.
        """
        __tracebackhide__ = True
        wanted = {"alias": alias, "path": path, "method": method, "status": status, "outcome": outcome}
        wanted = {name: value for name, value in wanted.items() if value is not None}
        deadline = time.monotonic() + within
        while True:
            arrived = self.requests()
            fitting = [request for request in arrived if _fits(request, wanted)]
            if len(fitting) == count or (count is None and fitting):
                return list(fitting)
            if time.monotonic() >= deadline:
                break
            time.sleep(0.01)
        raise AssertionError("\n".join(_explained(arrived, wanted, count, len(fitting))))

    def unexpected_errors(self) -> list[Request]:
        """Replies of 5xx that no fault asked for, the newest first."""
        return [
            request
            for request in self.requests()
            if (request["status"] or 0) >= 500
            and not (request["knobs"] or {}).get("fault")
            and request["outcome"] != "gate-timeout"
        ]


def described(request: Request) -> str:
    """One request and its reply in a line."""
    events = f", {request['events_sent']} events" if request["events_sent"] else ""
    rule = f", rule {request['rule']}" if request["rule"] else ""
    return (
        f"{request['method']} {request['alias'] or '(no alias)'} {service_path(request)} -> {request['status']} "
        f"from {request['source'] or '?'}, {request['outcome'] or 'under way'}{events}{rule}"
    )


def service_path(request: Request) -> str:
    """The path as the service sees it; of a request that reached none, the whole path."""
    path: str = request["path"]
    _, found, rest = path.partition(f"/proxy/{request['alias']}/")
    return f"/{rest}" if found else path


def _fits(request: Request, wanted: Mapping[str, Any]) -> bool:
    for name, value in wanted.items():
        if name == "path":
            if not fnmatchcase(service_path(request), value if value.startswith(("/", "*")) else f"/{value}"):
                return False
        elif request[name] != (value.upper() if name == "method" else value):
            return False
    return True


def _explained(arrived: list[Any], wanted: Mapping[str, Any], count: int | None, fitting: int) -> Iterator[str]:
    number = "at least one request" if count is None else f"{count} request{'' if count == 1 else 's'}"
    what = ", ".join(f"{name} {value}" for name, value in wanted.items())
    yield f"expected {number}{f' with {what}' if what else ''}, but {fitting} of the {len(arrived)} that arrived fit"
    for request in arrived[:SHOWN]:
        yield f"  {'*' if _fits(request, wanted) else ' '} {described(request)}"
    if len(arrived) > SHOWN:
        yield f"    … and {len(arrived) - SHOWN} earlier ones"
