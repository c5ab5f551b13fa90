"""The fixture `oagw`: a running server, its control plane, and assertions on what arrived there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from oagw_tornado.testing.conduct import story_of
from oagw_tornado.testing.control import Control
from oagw_tornado.testing.expectation import Expectation, explained
from oagw_tornado.testing.request import Request
from oagw_tornado.testing.server import SimulatorServer


class Oagw:
    """The simulator of a test session, as one test sees it: as started, with an empty journal."""

    def __init__(self, server: SimulatorServer) -> None:
        self.server = server
        self.control: Control = server.control
        self.add_rule = self.control.add_rule
        self.reply = self.control.reply
        self.explain = self.control.explain
        self.add_upstream = self.control.add_upstream
        self.configure = self.control.configure
        self.release = self.control.release
        self.replay = self.control.replay
        self.replays = self.control.replays
        self.requests = self.control.requests
        self.request = self.control.request
        self.timing = self.control.timing
        self.conduct = self.control.conduct
        self.mark = self.control.mark
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
        model: str | None = None,
        rule: str | None = None,
        header: Mapping[str, str] | None = None,
        json: Any = None,
        body_contains: str | None = None,
        count: int | None = None,
        within: float = 0.0,
    ) -> list[Request]:
        """Assert that `count` requests, or at least one, match all arguments; returns them, newest first.

        `path` is that of the service, such as ``/v1/chat/completions``; `outcome` is how the reply ended: ``complete``,
        ``client-left``, ``fault:reset``; `model` is that of a JSON body; `rule` is the one that applied; `header` is
        names and values. All of these may be globs. `json` is what the body says, as JSON: its objects may have more
        members than are named, all else must be equal. `body_contains` is a text within it. What is still under way has
        some more seconds, `within`, to come true.

        The failure shows what did arrive, and how the nearest request differs.
        """
        __tracebackhide__ = True
        expectation = Expectation(
            alias=alias, path=path, method=method, status=status, outcome=outcome, model=model, rule=rule,
            header=header, json=json, body_contains=body_contains,
        )  # fmt: skip
        deadline = time.monotonic() + within
        while True:
            fitting = [request for request in self.requests(**expectation.filters()) if expectation.fits(request)]
            if len(fitting) == count or (count is None and fitting):
                return fitting
            if time.monotonic() >= deadline:
                break
            time.sleep(0.01)
        raise AssertionError("\n".join(explained(self.requests(), expectation, count)))

    def assert_conduct(
        self, ignore: Iterable[str] = (), *, final: bool = True, cancel_within: str | None = None
    ) -> None:
        """Assert that the client, or the gateway, behaved, by all rules but those in `ignore` (docs/conduct.md).

        It is taken to have finished: what it has not tried again it never will. With `final` false it has as long for
        that as the server had asked it to wait. `cancel_within` is a duration (1s): that of a gateway to leave when a
        `mark` says that its own client left.
        """
        __tracebackhide__ = True
        judged = self.conduct(ignore=ignore, final=final, cancel_within=cancel_within)
        if judged["conduct"] != "sound":
            raise AssertionError(story_of(judged))

    def unexpected_errors(self) -> list[Request]:
        """Replies of 5xx that no fault asked for, the newest first."""
        return [
            request
            for request in self.requests()
            if (request["status"] or 0) >= 500
            and not (request["knobs"] or {}).get("fault")
            and request["outcome"] != "gate-timeout"
        ]
