"""What no recording answers: passed on, recorded, and found from then on, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from other_servers import AiohttpServer, saying
from raw_http import RawReply, dial, request, talk
from test_proxying import KEY, REAL, wait_for

from oagw_tornado.testing import SimulatorError, SimulatorProcess, SimulatorThread


@pytest.fixture(scope="module")
def upstream() -> Iterator[AiohttpServer]:
    with AiohttpServer() as server:
        yield server


def config(folder: Path, port: int, on_miss: str = "record", **more: Any) -> dict[str, Any]:
    """The options of a simulator whose alias ``real`` is there."""
    real = {"url": f"http://127.0.0.1:{port}/base", "authorization": f"Bearer {KEY}", "on-miss": on_miss, **more}
    file = folder / "sim.json"
    file.write_text(json.dumps({"upstreams": {"real": real | {"replay": str(folder / "recordings")}}}))
    (folder / "recordings").mkdir(exist_ok=True)
    return {"config": str(file)}


def ask(simulator: SimulatorThread | SimulatorProcess, target: str, **headers: str) -> RawReply:
    return talk(simulator.port, request(f"{REAL}/{target}", headers=headers), 15)


def recorded(simulator: SimulatorThread | SimulatorProcess, count: int) -> None:
    """Wait until there are so many recordings."""
    wait_for(lambda: simulator.control.replays()["upstreams"] == {"real": count})


def counted(simulator: SimulatorThread | SimulatorProcess) -> tuple[int, int]:
    told = simulator.control.replays()
    return told["replays"], told["misses"]


def test_a_miss_is_a_hit_from_then_on(tmp_path: Path, upstream: AiohttpServer) -> None:
    with SimulatorThread(**config(tmp_path, upstream.port)) as simulator:
        first = ask(simulator, "stream?n=3")
        recorded(simulator, 1)
        again = ask(simulator, "stream?n=3")
        other = ask(simulator, "stream?n=4")
        recorded(simulator, 2)
        assert counted(simulator) == (1, 2)
    assert again.chunks == first.chunks
    assert len(other.chunks) == len(first.chunks) + 1
    # And after a restart, in a directory that there was before.
    with SimulatorThread(**config(tmp_path, upstream.port)) as simulator:
        assert ask(simulator, "stream?n=3").chunks == first.chunks
        assert counted(simulator) == (1, 0)


def test_pass_asks_again_each_time(tmp_path: Path, upstream: AiohttpServer) -> None:
    with SimulatorThread(**config(tmp_path, upstream.port, "pass")) as simulator:
        assert [ask(simulator, "stream?n=2").status for _ in range(2)] == [200, 200]
        assert counted(simulator) == (0, 2)
    assert not list((tmp_path / "recordings").rglob("*.jsonl"))


def test_misses_at_the_same_time_are_all_answered(tmp_path: Path, upstream: AiohttpServer) -> None:
    replies: list[RawReply] = []
    with SimulatorThread(**config(tmp_path, upstream.port)) as simulator:
        threads = [threading.Thread(target=lambda: replies.append(ask(simulator, "stream?n=9"))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        files = [each.name for each in (tmp_path / "recordings").rglob("*.jsonl")]
        recorded(simulator, len(files))
        hits, misses = counted(simulator)
        replies.append(ask(simulator, "stream?n=9"))
        assert counted(simulator) == (hits + 1, misses)
    assert len(set(files)) == len(files) == misses >= 1
    assert {b"".join(reply.chunks) for reply in replies} == {b"".join(replies[0].chunks)}
    assert len(replies) == 9


def test_what_the_upstream_says_in_trouble_is_recorded_too(tmp_path: Path, upstream: AiohttpServer) -> None:
    with SimulatorThread(**config(tmp_path, upstream.port)) as simulator:
        first = ask(simulator, "status/503")
        recorded(simulator, 1)
        again = ask(simulator, "status/503")
        assert (again.status, again.body, again.header("Retry-After")) == (503, first.body, "7")
    # So is that nobody was there.
    with saying(lambda connection: None) as gone:
        pass
    with SimulatorThread(**config(tmp_path, gone)) as simulator:
        assert ask(simulator, "status/200").status == 502
        recorded(simulator, 2)
        assert ask(simulator, "status/200").status == 502
        assert counted(simulator) == (1, 1)


@pytest.mark.parametrize("by", ["client", "fault"])
def test_what_was_broken_off_here_is_asked_again(tmp_path: Path, upstream: AiohttpServer, by: str) -> None:
    with SimulatorThread(**config(tmp_path, upstream.port)) as simulator:
        if by == "fault":
            ask(simulator, "stream?n=9", **{"X-Sim-Fault": "close;at-event=2"})
        else:
            with dial(simulator.port, 15) as client:
                client.sendall(request(f"{REAL}/stream?n=9&gap=0.05"))
                assert client.recv(10)
        recorded(simulator, 1)
        target = "stream?n=9" if by == "fault" else "stream?n=9&gap=0.05"
        whole = ask(simulator, target)
        recorded(simulator, 2)
        assert b"".join(whole.chunks).count(b"data: ") == 10
        assert b"".join(ask(simulator, target).chunks) == b"".join(whole.chunks)
        assert counted(simulator) == (1, 2)


def test_no_room_is_no_reason_to_answer_half(tmp_path: Path, upstream: AiohttpServer) -> None:
    with SimulatorThread(**config(tmp_path, upstream.port), record_max="4KiB") as simulator:
        replies = [ask(simulator, f"large?size=3000&n={number}") for number in (1, 2, 1, 2, 2)]
        assert [len(reply.body) for reply in replies] == [3000] * 5
        replays = simulator.control.replays()
    assert sum(file.stat().st_size for file in (tmp_path / "recordings").rglob("*.jsonl")) <= 5 * 1024
    assert replays["misses"] >= 4  # nothing answers for the second one


def test_a_recorder_that_is_killed_is_asked_again(tmp_path: Path, upstream: AiohttpServer) -> None:
    target = "stream?n=30&gap=0.01"
    with SimulatorProcess(**config(tmp_path, upstream.port)) as simulator:
        with dial(simulator.port, 15) as client:
            client.sendall(request(f"{REAL}/{target}"))
            received = b""
            while b'"n": 5}' not in received:
                received += client.recv(65536)
            os.kill(simulator.pid, signal.SIGKILL)
        simulator.stop()
    assert len(list((tmp_path / "recordings").rglob("*.jsonl"))) == 1
    with SimulatorThread(**config(tmp_path, upstream.port)) as simulator:
        assert b"".join(ask(simulator, target).chunks).count(b"data: ") == 31
        recorded(simulator, 2)
        assert b"".join(ask(simulator, target).chunks).count(b"data: ") == 31
        assert counted(simulator) == (1, 1)


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_miss_cannot_be_recorded_where_nobody_looks_for_it(
    tmp_path: Path, upstream: AiohttpServer, everywhere: bool
) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    if everywhere:
        server = SimulatorThread(**config(tmp_path, upstream.port), record=elsewhere)
    else:
        server = SimulatorThread(**config(tmp_path, upstream.port, record=elsewhere))
    with pytest.raises(SimulatorError, match=r"record: '.*elsewhere' is not '.*recordings', the directory of replay"):
        server.start()
    same = str(tmp_path / "recordings")
    with SimulatorThread(**config(tmp_path, upstream.port, record=same)) as simulator:
        assert [ask(simulator, "stream?n=2").status] == [200]
        recorded(simulator, 1)
