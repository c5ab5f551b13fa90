"""Pages of other origins: what they may ask and read with ``--cors``, and what a browser makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from browser import browsing, needs_browser, page
from hypothesis import given
from hypothesis import strategies as st
from raw_http import CHAT, TOKEN, RawReply, chat, request, talk
from wire import serving

from oagw_tornado.gateway.bearer import take_token
from oagw_tornado.gateway.cors import Cors, with_cors
from oagw_tornado.services.handler import ServiceHandler
from oagw_tornado.services.upstream import Upstream
from oagw_tornado.testing import SimulatorThread

PAGE = "http://app.example"
WEATHER = "/api/oagw/v1/proxy/weather/current"
EVENTS = "/api/oagw/v1/proxy/stream-test/events"


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[SimulatorThread]:
    with serving(
        wire, cors=[PAGE, "https://other.example:8443"], token_in_query=True, inter_token_latency="1ms"
    ) as running:
        yield running


def ask(server: SimulatorThread, target: str, body: Any = None, method: str | None = None, **headers: str) -> RawReply:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return talk(server.port, request(target, body, given, method))


def allowed(reply: RawReply) -> str | None:
    return reply.header("Access-Control-Allow-Origin")


@pytest.mark.parametrize(
    ("target", "body", "headers", "status"),
    [
        (WEATHER, None, {}, 200),
        (CHAT, chat(), {}, 200),
        (CHAT, chat(), {"X_Sim_Fault": "status;code=429;retry-after=1s"}, 429),
        (CHAT, chat(), {"X_Sim_Fault": "truncate;at-event=1"}, 200),
        (WEATHER, None, {"X_Sim_Latency": "1ms"}, 200),
        (WEATHER, None, {"X_Sim_Latency": "soon"}, 400),
        (WEATHER, None, {"Authorization": "Bearer wrong"}, 403),
        (WEATHER, None, {"Authorization": ""}, 401),
        ("/api/oagw/v1/proxy/nowhere/x", None, {}, 404),
        ("/nowhere", None, {}, 404),
        ("/health", None, {}, 200),
        ("/api/oagw/v1/status", None, {}, 200),
        (CHAT, b"{", {}, 400),
    ],
)
def test_every_reply_to_a_page_says_that_it_may_read(
    server: SimulatorThread, target: str, body: Any, headers: dict[str, str], status: int
) -> None:
    reply = ask(server, target, body, Origin=PAGE, **headers)
    assert (reply.status, allowed(reply)) == (status, PAGE)
    assert reply.header("Timing-Allow-Origin") == PAGE
    assert reply.header("Vary") == "Origin"
    exposed = {name.strip().lower() for name in (reply.header("Access-Control-Expose-Headers") or "").split(",")}
    assert {"retry-after", "x-request-id", "x-oagw-error-source", "server-timing"} <= exposed
    sent = {line.partition(b":")[0].decode().lower() for line in reply.head.split(b"\r\n")[1:]}
    unread = {"content-type", "content-length", "transfer-encoding", "connection", "vary", "cache-control"}
    assert sent - unread - {name for name in sent if name.startswith(("access-", "timing-"))} <= exposed | {
        "x-accel-buffering"
    }


def test_rate_limits_are_exposed(server: SimulatorThread) -> None:
    reply = ask(server, WEATHER, Origin=PAGE, X_Sim_Rate_Limit="1000/min")
    assert reply.header("x-ratelimit-remaining-requests") is not None
    assert "x-ratelimit-remaining-requests" in (reply.header("Access-Control-Expose-Headers") or "").lower()


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "", "http://app.example:81", "https://app.example"])
def test_other_origins_are_told_nothing(server: SimulatorThread, origin: str) -> None:
    reply = ask(server, WEATHER, Origin=origin)
    assert (reply.status, allowed(reply), reply.header("Vary")) == (200, None, "Origin")
    assert b"expose" not in reply.head.lower()
    preflight = ask(server, WEATHER, method="OPTIONS", Origin=origin, Access_Control_Request_Method="POST")
    assert (preflight.status, allowed(preflight)) == (403, None)
    assert "--cors" in json.loads(preflight.body)["error"]


def test_without_an_origin_nothing_is_said(server: SimulatorThread) -> None:
    assert b"access-control" not in ask(server, WEATHER).head.lower()


def test_a_preflight_is_answered_before_any_token_is_asked_for(server: SimulatorThread) -> None:
    wanted = {
        "Access_Control_Request_Method": "POST",
        "Access_Control_Request_Headers": "authorization, x-stainless-os",
    }
    for target in (CHAT, "/health", "/nowhere"):
        reply = ask(server, target, method="OPTIONS", Origin=PAGE, Authorization="", **wanted)
        assert (reply.status, reply.body, allowed(reply)) == (204, b"", PAGE)
        assert "PATCH" in (reply.header("Access-Control-Allow-Methods") or "").split(", ")
        assert reply.header("Access-Control-Allow-Headers") == "authorization, x-stainless-os"
        assert reply.header("Access-Control-Max-Age") == "600"
        assert reply.header("Access-Control-Allow-Private-Network") is None
    local = ask(server, CHAT, method="OPTIONS", Origin=PAGE, Access_Control_Request_Private_Network="true", **wanted)
    assert local.header("Access-Control-Allow-Private-Network") == "true"


def test_a_preflight_that_asks_for_no_header_name_is_refused(server: SimulatorThread) -> None:
    asked = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "a b"}
    assert ask(server, CHAT, method="OPTIONS", Origin=PAGE, **asked).status == 400


def test_control_is_never_for_pages(server: SimulatorThread) -> None:
    for target in ("/_sim/requests", "/metrics", "/_sim"):
        for method in ("GET", "OPTIONS"):
            reply = ask(server, target, method=method, Origin=PAGE, Access_Control_Request_Method="GET")
            assert (reply.status, allowed(reply)) == (403, None)


def test_any_origin_is_a_star_without_credentials(wire: str) -> None:
    with serving(wire, cors="*") as open_to_all:
        reply = ask(open_to_all, WEATHER, Origin="null")
        assert (allowed(reply), reply.header("Vary")) == ("*", None)
        assert reply.header("Access-Control-Allow-Credentials") is None


def test_without_the_option_nothing_changes(wire: str) -> None:
    with serving(wire) as plain:
        assert b"access-control" not in ask(plain, WEATHER, Origin=PAGE).head.lower()
        asked = {"Origin": PAGE, "Access_Control_Request_Method": "POST"}
        assert ask(plain, CHAT, method="OPTIONS", **asked).status == 405


def test_what_a_service_says_of_origins_gives_way() -> None:
    own = (("access-control-allow-origin", "http://upstream"), ("X-Model", "gpt"), ("Timing-Allow-Origin", "*"))
    cors = Cors([PAGE]).fields(PAGE)
    amended = with_cors(own, cors)
    assert [value for name, value in amended if name.lower() == "access-control-allow-origin"] == [PAGE]
    assert dict(amended)["Access-Control-Expose-Headers"].endswith(", X-Model")


# A token in the query.


def test_a_token_may_stand_in_the_query(server: SimulatorThread) -> None:
    server.control.reset()
    reply = ask(server, f"{WEATHER}?city=Oslo&access_token={TOKEN}&x=1", Authorization="")
    assert reply.status == 401, "a header that is there counts, an empty one too"
    bare = f"GET {WEATHER}?city=Oslo&access%5Ftoken={TOKEN}&x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    reply = talk(server.port, bare.encode())
    assert (reply.status, json.loads(reply.body)["location"]) == (200, "Oslo")
    for query, status in (
        ("access_token=wrong", 403),
        (f"access_token={TOKEN}&access_token={TOKEN}", 403),
        ("x=1", 401),
    ):
        bare = f"GET {WEATHER}?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert talk(server.port, bare.encode()).status == status
    seen = server.control.requests()
    assert TOKEN not in json.dumps(seen)
    assert f"{WEATHER}?city=Oslo&access%5Ftoken=***&x=1" in [each["target"] for each in seen]


def test_a_token_in_the_query_opens_no_control() -> None:
    with SimulatorThread(admin_token="secret", token_in_query=True) as guarded:
        bare = b"GET /_sim/config?access_token=secret HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert talk(guarded.port, bare).status == 401


def test_a_token_in_the_query_counts_only_where_it_is_asked_for(wire: str) -> None:
    with serving(wire) as plain:
        bare = f"GET {WEATHER}?access_token={TOKEN} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert talk(plain.port, bare.encode()).status == 401


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#")))
def test_a_query_keeps_all_but_its_token(query: str) -> None:
    token, kept, masked = take_token(query)
    assert take_token(kept)[0] is None
    assert kept == query if token is None else len(kept) < len(query)
    assert masked.count("&") == query.count("&")


# Methods that only some services want.


class Patched(ServiceHandler):
    def serve(self, *path_args: str) -> None:
        self.finish({"method": self.request.method})

    def patch(self, *path_args: str) -> None:
        self.serve()

    options = patch


def test_patch_and_options_reach_the_services_that_want_them(wire: str) -> None:
    table = {"notes": Upstream(otherwise=Patched), "plain": Upstream(otherwise=type("Plain", (Patched,), {}))}
    with serving(wire, cors=PAGE, upstreams=table) as server:
        for method in ("PATCH", "OPTIONS", "DELETE"):
            for _ in range(2):
                reply = ask(server, "/api/oagw/v1/proxy/notes/x", {}, method)
                assert (reply.status, json.loads(reply.body)) == (200, {"method": method})
        preflight = {"Origin": PAGE, "Access_Control_Request_Method": "PATCH"}
        assert ask(server, "/api/oagw/v1/proxy/notes/x", method="OPTIONS", **preflight).status == 204
        assert ask(server, "/api/oagw/v1/proxy/notes/x", {}, "PATCH", Authorization="").status == 401
        refused = ask(server, "/api/oagw/v1/proxy/notes/x", {}, "BREW")
        assert (refused.status, "PATCH" in (refused.header("Allow") or "")) == (405, True)


def test_a_service_that_does_not_want_them_gets_none(server: SimulatorThread) -> None:
    for method in ("PATCH", "OPTIONS"):
        reply = ask(server, CHAT, method=method)
        assert (reply.status, reply.header("Allow")) == (405, "GET, HEAD, POST, PUT, DELETE")


# A browser.

SCRIPT = """
const base = "http://127.0.0.1:%d", token = "%s";
const chat = `${base}/api/oagw/v1/proxy/openai/v1/chat/completions`;
const ask = async (url, options) => { try { return await fetch(url, options) } catch (error) { return null } };
const stream = async () => {
  const messages = [{ role: "user", content: "one two" }];
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const reply = await ask(chat, { method: "POST", headers, body: JSON.stringify({ stream: true, messages }) });
  if (reply === null) return null;
  let text = "", reads = 0;
  for (const reader = reply.body.getReader(), decoder = new TextDecoder(); ; reads++) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value);
  }
  return { events: text.split("\\n\\n").length - 1, id: reply.headers.get("x-request-id") !== null };
};
const events = () => new Promise((resolve) => {
  const seen = [];
  const source = new EventSource(`${base}%s?interval=1ms&access_token=${token}`);
  for (const type of ["message", "update", "complete"]) source.addEventListener(type, (event) => {
    seen.push(event.lastEventId);
    if (type === "complete") { source.close(); resolve(seen); }
  });
  source.onerror = () => { source.close(); resolve(null); };
});
(async () => {
  const refused = await ask(chat, { method: "POST" });
  const control = await Promise.all(["/_sim/requests", "/metrics"].map((path) => ask(base + path)));
  done({
    stream: await stream(), events: await events(), control,
    refused: refused && [refused.status, refused.headers.get("x-oagw-error-source")],
  });
})();
"""


@needs_browser
@pytest.mark.parametrize("is_allowed", [True, False])
def test_a_page_of_another_origin(is_allowed: bool) -> None:
    server = SimulatorThread(inter_token_latency="1ms", token_in_query=True, cors="*" if is_allowed else None)
    with server, page(SCRIPT % (server.port, TOKEN, EVENTS)) as origin, browsing(origin.origin):
        result = origin.wait()
    if is_allowed:
        assert result == {
            "stream": {"events": 7, "id": True},
            "events": ["1", "2", "3", "4"],
            "control": [None, None],
            "refused": [401, "gateway"],
        }
    else:
        assert result == {"stream": None, "events": None, "control": [None, None], "refused": None}
