"""A fault that stands for all requests passes over the replies for which it can have no meaning."""

from __future__ import annotations

import pytest
import tornado.web
from wire import CHAT, EVENTS, PROXY, WEATHER, Client, chat, get, post, serving

from oagw_tornado.config.config import Config
from oagw_tornado.config.settings import ConfigError
from oagw_tornado.gateway.terms import Terms
from oagw_tornado.gateway.upstream_table import UpstreamTable
from oagw_tornado.knobs.vocabulary import Knobs, resolve
from oagw_tornado.services.nothing_scripted import blank_upstream
from oagw_tornado.services.table import upstreams
from oagw_tornado.testing.control import ControlError

STREAM, WHOLE, NOTHING = post(CHAT, chat()), get(WEATHER), get(EVENTS, "Last-Event-ID: 4")

#: Faults of streams, and whether a stream under them still ends in order.
OF_STREAMS = {
    "close;at-event=2": False,
    "malformed-chunk": False,
    "error-event": True,
    "duplicate-event": True,
    "malformed-event;at-event=1": True,
    "reset;at-event=2": False,
}


@pytest.mark.parametrize("fault", OF_STREAMS)
@pytest.mark.parametrize("way", ["rule", "server"])
def test_it_is_passed_over_where_it_has_no_meaning(wire: str, fault: str, way: str) -> None:
    with serving(wire, inter_token_latency="0", event_interval="0") as server:
        if way == "rule":
            server.control.add_rule(fault=fault)
        else:
            server.control.configure(fault=fault)
        with Client(server.port) as client:
            assert client.send(WHOLE).reply().status == 200
            assert client.send(NOTHING).reply().status == 204
            client.send(STREAM)
            assert client.head()[1] == 200
        for alias in ("weather", "stream-test"):
            assert [each["outcome"] for each in server.control.requests(alias=alias)] == ["complete"]
        # What a request asks for itself is another matter.
        with Client(server.port) as client:
            for request, status in ((WHOLE, 400), (NOTHING, 400)):
                own = request.replace(b"\r\n\r\n", f"\r\nX-Sim-Fault: {fault}\r\n\r\n".encode(), 1)
                reply = client.send(own).reply()
                assert reply.status == status
                assert fault.partition(";")[0] in reply.json["error"]


TABLE = UpstreamTable({**upstreams()}, blank_upstream(), ())


def test_the_others_beside_it_strike(wire: str) -> None:
    with serving(wire, fault="close;at-event=2,status;code=418") as server, Client(server.port) as client:
        assert client.send(WHOLE).reply().status == 418
        # Another knob of the request's own changes nothing about the fault.
        assert client.send(get(WEATHER, "X-Sim-Latency: 1ms")).reply().status == 418
        assert client.send(get(WEATHER, "X-Sim-Fault: none")).reply().status == 200


def test_an_error_that_only_some_services_know(wire: str) -> None:
    with serving(wire, fault="status;error=overloaded_error") as server, Client(server.port) as client:
        assert client.send(get(f"{PROXY}/anthropic/v1/models")).reply().status == 529
        assert client.send(WHOLE).reply().status == 200


def test_an_error_that_none_knows_is_refused_when_it_is_set(wire: str) -> None:
    with pytest.raises(ConfigError, match=r"fault: error='overloaded' is not an error .*did you mean"):
        Terms(Config(knobs=resolve(Knobs(), {"fault": "status;error=overloaded"})), TABLE)
    rule = {"match": {"alias": "github"}, "fault": "status;error=no_such"}
    with pytest.raises(ConfigError, match="error='no_such' is not an error of github"):
        Terms(Config(rules=(rule,)), TABLE)
    with serving(wire) as server:
        named = "not an error of anthropic; expected one of invalid_request_error"
        with pytest.raises(ControlError, match=named):
            server.control.add_rule(match={"alias": "anthropic"}, fault="error-event;error=insufficient_quota")
        with pytest.raises(ControlError, match="expected one of rate_limit_exceeded"):
            server.control.configure(fault="status;error=no_such")
        server.control.add_rule(match={"alias": ["anthropic", "openai"]}, fault="status;error=insufficient_quota")


def test_a_handler_that_sends_by_itself(wire: str) -> None:
    from oagw_tornado.services.handler import ServiceHandler

    class Flushing(ServiceHandler):
        async def get(self, *path_args: str) -> None:
            self.write("a")
            await self.flush()
            self.finish("b")

    assert issubclass(Flushing, tornado.web.RequestHandler)
    with serving(wire, upstreams={"mine": Flushing}, fault="close;at-event=1") as server, Client(server.port) as client:
        assert client.send(get(f"{PROXY}/mine/x")).reply().body == b"ab"
        assert client.send(get(f"{PROXY}/mine/x", "X-Sim-Fault: reset")).reply().status == 400
