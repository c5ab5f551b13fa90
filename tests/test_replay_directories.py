"""Directories of recordings: given at start or while the server runs, read again, refused if they cannot be read."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from raw_http import chat, request, talk
from recorded import events, write_recording

from oagw_tornado.commands.check import run as check
from oagw_tornado.testing import SimulatorError, SimulatorProcess, SimulatorThread
from oagw_tornado.testing.control import ControlError

PROXY = "/api/oagw/v1/proxy"


def test_a_directory_may_be_given_while_it_runs_and_is_read_again(tmp_path: Path) -> None:
    write_recording(tmp_path / "a.jsonl", chat("x"), events(1), alias="fresh")
    config = tmp_path / "sim.yaml"
    own = tmp_path / "own"
    write_recording(own / "a.jsonl", chat("y"), events(2), alias="whatever")
    config.write_text(f"upstreams: {{shop: {{replay: {own}, replay-speed: 0, on-miss: pass}}}}\n")
    with SimulatorThread(config=config) as simulator:
        asked = request(f"{PROXY}/shop/v1/chat/completions", chat("y"))
        assert len(talk(simulator.port, asked).chunks) == 3
        assert talk(simulator.port, request(f"{PROXY}/shop/other")).status == 404
        assert talk(simulator.port, request(f"{PROXY}/fresh/v1/chat/completions", chat("x"))).status == 404
        simulator.control.configure(replay=str(tmp_path))
        assert talk(simulator.port, request(f"{PROXY}/fresh/v1/chat/completions", chat("x"))).status == 200
        with pytest.raises(ControlError, match="cannot read the directory"):
            simulator.control.configure(replay=str(tmp_path / "nowhere"))
        simulator.control.reset()
        assert talk(simulator.port, request(f"{PROXY}/fresh/v1/chat/completions", chat("x"))).status == 404


def test_what_is_new_in_a_directory_is_there_after_a_hang_up(tmp_path: Path) -> None:
    write_recording(tmp_path / "mine" / "a.jsonl", None, [(1, b"a")], method="GET", target="a", alias="mine")
    with SimulatorProcess(replay=tmp_path) as simulator:
        write_recording(tmp_path / "mine" / "b.jsonl", None, [(1, b"b")], method="GET", target="b", alias="mine")
        write_recording(tmp_path / "fresh" / "c.jsonl", None, [(1, b"c")], method="GET", target="c", alias="fresh")
        assert talk(simulator.port, request(f"{PROXY}/mine/b")).status == 504
        os.kill(simulator.pid, signal.SIGHUP)
        deadline = time.monotonic() + 15
        while simulator.control.replays()["upstreams"] != {"mine": 2, "fresh": 1} and time.monotonic() < deadline:
            time.sleep(0.01)
        assert b"b" in talk(simulator.port, request(f"{PROXY}/mine/b")).body
        assert b"c" in talk(simulator.port, request(f"{PROXY}/fresh/c")).body


def test_a_directory_that_cannot_be_read_is_refused_at_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "nowhere"
    with pytest.raises(SimulatorError, match="replay: cannot read the directory"), SimulatorProcess(replay=nowhere):
        pass
    config = tmp_path / "sim.yaml"
    for text, said in (
        (f"upstreams: {{a: {{replay: {nowhere}}}}}", "upstreams: a.replay: cannot read the directory"),
        ("upstreams: {a: {on-miss: pass}}", "upstreams: a.replay: expected the directory of its recordings"),
        ("upstreams: {a: {replay: ., on-miss: never}}", "a.on-miss: expected one of fail, pass, record"),
        ("upstreams: {a: {replay: ., replay-ignore: [a..b]}}", "a.replay-ignore: 'a..b' is not a field such as"),
        ("upstreams: {a: {replay: ., replay-per: cookie}}", "a.replay-per: expected header:NAME, bearer or json:"),
        ("{replay: ., on-miss: record}", "on-miss: record: there is no real upstream"),
        ("upstreams: {a: {replay: ., on-miss: record}}", "upstreams: a.on-miss: record needs url"),
        ("replay-per: cookie", "replay-per: expected header:NAME, bearer or json:EXPRESSION"),
        ("replay-ignore: 'a b'", "replay-ignore: 'a b' is not a field such as"),
    ):
        config.write_text(text)
        assert check([str(config)]) == 2, text
        assert said in capsys.readouterr().err
