"""One simulator records another as its real upstream, and then does without it."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from raw_http import RawReply, chat, request, talk

from oagw_tornado.testing import SimulatorError, SimulatorThread

pytest.importorskip("aiohttp")

CHAT = "/api/oagw/v1/proxy/{}/v1/chat/completions"


@pytest.fixture(scope="module")
def upstream() -> Iterator[SimulatorThread]:
    with SimulatorThread(ttft="5ms", inter_token_latency="3ms", event_interval="3ms") as server:
        yield server


@pytest.fixture(autouse=True)
def _as_started(upstream: SimulatorThread) -> None:
    upstream.control.reset()


def gateway(folder: Path, upstreams: dict[str, Any], **options: Any) -> SimulatorThread:
    config = folder / "sim.yaml"
    config.write_text(yaml.safe_dump({"upstreams": upstreams, **options}))
    return SimulatorThread(config=config)


def real(upstream: SimulatorThread, **more: Any) -> dict[str, Any]:
    url = f"{upstream.base_url}/api/oagw/v1/proxy/openai"
    return {"url": url, "authorization": f"Bearer {upstream.token}", **more}


def ask(server: SimulatorThread, text: str, alias: str = "real", **headers: str) -> RawReply:
    return talk(server.port, request(CHAT.format(alias), chat(text), headers), 10.0)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.005)


def test_what_nobody_recorded_is_recorded_and_found_from_then_on(upstream: SimulatorThread, tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    described = {"real": real(upstream, replay=str(recordings), **{"on-miss": "record"})}
    with gateway(tmp_path, described) as server:
        first = ask(server, "one two three")
        until(lambda: server.control.replays()["upstreams"] == {"real": 1})
        second = ask(server, "one two three")
        assert (second.status, second.chunks) == (200, first.chunks)
        assert len(upstream.control.requests()) == 1
        (replayed,) = server.control.replays(events=True)["latest"]
        assert replayed["error_ms"]["earliest"] >= 0
        assert replayed["recorded"] == sorted(replayed["recorded"])
    assert [path.stat().st_mode & 0o777 for path in (recordings, recordings / "real")] == [0o700, 0o700]

    # Nobody is there now, nor is the key: recordings alone answer.
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gone = f"http://127.0.0.1:{taken.getsockname()[1]}"
    described = {"real": {"url": gone, "authorization": "env:OAGW_TEST_NO_SUCH_KEY", "replay": str(recordings)}}
    with gateway(tmp_path, described) as server:
        assert ask(server, "one two three").chunks == first.chunks
        miss = ask(server, "one two four")
        assert miss.status == 504
        assert json.loads(miss.body)["nearest"]["difference"]["requested"] == "one two four"
        reset = ask(server, "one two three", **{"X-Sim-Fault": "reset;at-event=2", "X-Sim-Replay-Speed": "10"})
        assert (len(reset.chunks), reset.end) == (2, "reset")
        with pytest.raises(Exception, match="is not ready to be asked"):
            server.control.configure(on_miss="pass")
    with pytest.raises(SimulatorError, match="the environment has no OAGW_TEST_NO_SUCH_KEY"):
        gateway(tmp_path, {"real": described["real"] | {"on-miss": "pass"}}).start()


def test_large_and_coded_bodies_are_looked_for_by_all_that_they_say(upstream: SimulatorThread, tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    with gateway(tmp_path, {"real": real(upstream)}, replay=str(recordings), **{"on-miss": "record"}) as server:
        for number, letter in enumerate("xy", 1):
            large = request(CHAT.format("real"), chat("hi", padding=letter * 1_500_000))
            assert talk(server.port, large, 10.0).status == 200
            until(lambda number=number: server.control.replays()["upstreams"] == {"real": number})  # type: ignore[misc]
            assert talk(server.port, large, 10.0).status == 200
        coded = gzip.compress(json.dumps(chat("in gzip")).encode())
        zipped = request(CHAT.format("real"), coded, {"Content-Encoding": "gzip", "Content-Type": "application/json"})
        assert talk(server.port, zipped, 10.0).status == 200
        until(lambda: server.control.replays()["upstreams"] == {"real": 3})
        assert talk(server.port, zipped, 10.0).status == 200
        assert ask(server, "in gzip").status == 200
        assert server.control.replays()["replays"] == 4
    assert len(upstream.control.requests()) == 3


def test_cuts_and_refusals_come_back_as_they_were(upstream: SimulatorThread, tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    described = {
        "real": real(upstream, replay=str(recordings), **{"on-miss": "record"}),
        "nobody": {"url": "http://127.0.0.1:9", "replay": str(recordings), "on-miss": "record"},
    }
    with gateway(tmp_path, described) as server:
        upstream.control.add_rule(match={"last-message": "reset"}, fault="reset;at-event=2")
        upstream.control.add_rule(match={"last-message": "close"}, fault="close;at-event=2")
        upstream.control.add_rule(match={"last-message": "error"}, fault="error-event;at-event=2")
        texts = ("reset", "close", "error")
        passed = [ask(server, text) for text in texts]
        refused = ask(server, "hi", "nobody")
        until(lambda: server.control.replays()["upstreams"] == {"real": 3, "nobody": 1})
        again = [ask(server, text) for text in texts]
        assert [(reply.status, reply.body, reply.end) for reply in again] == [
            (reply.status, reply.body, reply.end) for reply in passed
        ]
        assert [reply.end for reply in passed] == ["reset", "closed", "closed"]
        no_reply = ask(server, "hi", "nobody")
        assert (no_reply.status, no_reply.body) == (refused.status, refused.body)
        assert no_reply.status == 502
        outcomes = {entry["outcome"] for entry in server.control.requests(alias="real")}
        assert outcomes == {"reset", "cut", "complete"}


def test_recordings_may_stand_before_a_simulated_service(upstream: SimulatorThread, tmp_path: Path) -> None:
    recordings = tmp_path / "recordings"
    with gateway(tmp_path, {"real": real(upstream, record=str(recordings))}) as server:
        first = ask(server, "recorded once")
        until(lambda: bool(list(recordings.rglob("*.jsonl"))))
    described = {"openai": {"replay": str(recordings / "real"), "on-miss": "pass"}}
    with gateway(tmp_path, described) as server:
        assert ask(server, "recorded once", "openai").chunks == first.chunks
        assert b"Streaming " in ask(server, "anything else", "openai", **{"X-Sim-Itl": "0"}).body
