"""Services of one's own word their errors too, as the documentation shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import tornado.web
from test_error_forms import with_fault
from wire import PROXY, Client, WireReply, get, serving

from oagw_tornado.reply.reply import json_reply
from oagw_tornado.services.handler import ServiceHandler
from oagw_tornado.services.upstream import Upstream


@pytest.fixture(scope="module")
def server(wire: str):
    with serving(wire, inter_token_latency="0", event_interval="0") as server:
        yield server


@pytest.fixture
def client(server):
    with Client(server.port) as client:
        yield client


# Services of one's own.


class Teapot(ServiceHandler):
    """Any path."""

    def serve(self, *path_args: str) -> None:
        if path_args == ("break",):
            raise tornado.web.HTTPError(418, "I am a teapot")
        headers = (("Shop", "mine"), ("Cache-Control", "no-store"), ("ETag", '"1"'))
        self.respond(json_reply({"fine": True}, headers=headers))


def shown_in_the_documentation() -> Upstream:
    page = (Path(__file__).parent.parent / "docs" / "extending.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(from oagw_tornado import ErrorForm.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {"Unknown": Teapot}
    exec(compile(code, "docs/extending.md", "exec", dont_inherit=True), names)
    upstream = names["SHOP"]
    assert isinstance(upstream, Upstream)
    return upstream


def test_a_service_of_ones_own_words_its_errors_too(wire: str) -> None:
    mine = {"plain": Upstream(otherwise=Teapot), "shop": shown_in_the_documentation()}
    with serving(wire, upstreams=mine, rate_limit="7/min") as server, Client(server.port) as client:
        server.control.add_rule(name="blame", source="upstream")

        def ask(alias: str, fault: str = "none", path: str = "x") -> WireReply:
            return client.send(with_fault(get(f"{PROXY}/{alias}/{path}"), fault)).reply()

        assert ask("plain", "status;code=503").json == {"error": "Service Unavailable (injected)"}
        assert ask("plain", "status;code=503;message=no;type=t").json == {"error": "no", "type": "t"}
        assert ask("plain", path="break").json == {"error": "I am a teapot"}
        assert ask("plain", "status;error=sold_out").status == 400
        sold_out = ask("shop", "status;error=sold_out")
        assert (sold_out.status, sold_out.json) == (409, {"title": "sold out", "status": 409})
        assert sold_out.headers["request-id"] == sold_out.headers["x-request-id"]
        # The handler's own headers stay, but for those that speak of its body.
        assert sold_out.headers["shop"] == "mine"
        assert not {"cache-control", "etag"} & sold_out.headers.keys()
        assert ask("shop", path="break").json == {"title": "I am a teapot", "status": 418}
        for alias, key in (("plain", "error"), ("shop", "title")):
            last = [ask(alias) for _ in range(8)][-1]
            assert (last.status, next(iter(last.json))) == (429, key)
            assert last.headers["x-ratelimit-remaining-requests"] == "0"
