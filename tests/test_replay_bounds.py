"""What recordings can cost is bounded: in memory, and in time for which nobody else is served."""

from __future__ import annotations

import asyncio
import io
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from raw_http import chat
from recorded import events, write_recording

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.evidence.replayed import Replayed
from oagw_tornado.gateway.service_states import ServiceStates
from oagw_tornado.knobs.ignored_fields import MOST_FIELDS, NOTHING_IGNORED, parse_ignored
from oagw_tornado.recordings import recording
from oagw_tornado.recordings.compared_request import MOST_NUMBERED, compared_request
from oagw_tornado.recordings.format import RecordingError
from oagw_tornado.replaying import index, loading
from oagw_tornado.replaying.handlers import MissHandler, ReplayHandler
from oagw_tornado.replaying.index import read_library
from oagw_tornado.replaying.loading import Loader
from oagw_tornado.replaying.order import Order
from oagw_tornado.replaying.replays import MOST_COMPARED, MOST_EVENTS, MOST_REMEMBERED, Miss, Replays, find_nearest
from oagw_tornado.state.local_entries import LocalEntries


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("many")
    for number in range(200):
        body = chat(f"question {number} about the number {number * 7}", temperature=1.0, tools=[{"n": number}])
        write_recording(root / "openai" / f"{number:03}.jsonl", body, events(3))
    return root


def test_a_directory_has_only_so_many(many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MOST_RECORDINGS", 150)
    library = read_library(str(many), NOTHING_IGNORED)
    assert (len(library), library.problems) == (150, [f"{many}: more than 150 recordings; the others are left out"])
    for number in range(5):
        (tmp_path / f"{number}.jsonl").write_text("x\n")
    monkeypatch.setattr(index, "MOST_PROBLEMS", 2)
    assert len(read_library(str(tmp_path), NOTHING_IGNORED).problems) == 2


def test_what_is_kept_in_memory_is_bounded(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def load() -> None:
        loader = Loader(most=5000)
        paths = [str(many / "openai" / f"{number:03}.jsonl") for number in range(20)]
        one, same = await asyncio.gather(loader.load(paths[0]), loader.load(paths[0]))
        assert one is same is loader.get(paths[0])
        for path in paths:
            await loader.load(path)
            assert 0 < loader.held <= 5000
        assert loader.get(paths[-1]) is not None
        assert loader.get(paths[0]) is None
        small = Loader(most=10)
        assert (await small.load(paths[0])).status == 200
        assert (small.held, small.get(paths[0])) == (0, None)
        monkeypatch.setattr(loading, "LARGEST_RECORDING", 100)
        with pytest.raises(RecordingError, match="larger than 100"):
            await loader.load(paths[3])

    asyncio.run(load())


def test_lines_and_reads_are_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = write_recording(tmp_path / "a.jsonl", None, events(10))
    monkeypatch.setattr(recording, "MOST_READS", 5)
    with path.open("rb") as file, pytest.raises(RecordingError, match="line 6: expected at most 5 lines"):
        recording.read_recording(recording.bounded_lines(file))
    monkeypatch.setattr(recording, "LONGEST_LINE", 100)
    with pytest.raises(RecordingError, match="line 2: longer than 100 bytes"):
        list(recording.bounded_lines(io.BytesIO(b"x" * 50 + b"\n" + b"y" * 101)))


def test_orders_are_bounded() -> None:
    states = ServiceStates()
    states._local = LocalEntries(most_counted=2)
    order = Order(states)
    assert [order.take("a", b"k", session, 3) for session in "xxyzx"] == [0, 1, 0, 0, 0]
    assert [order.take("a", b"k", "x", 3) for _ in range(4)] == [1, 2, 2, 2]


def test_what_is_remembered_is_bounded() -> None:
    replays = Replays((ReplayHandler, MissHandler), str, lambda aliases: None, Order(ServiceStates()))
    for _ in range(MOST_REMEMBERED + 5):
        miss = Miss("a", compared_request("GET", "x", "", b""), index.Index(), NOTHING_IGNORED)
        replays.missed_by(_Exchange(), miss, None)  # type: ignore[arg-type]
    assert len(replays.missed) == replays.latest.maxlen == MOST_REMEMBERED
    offsets = array("d", range(MOST_EVENTS // 10))
    for number in range(MOST_REMEMBERED + 5):
        replayed = Replayed("a", 1, 1, 1.0, offsets if number % 2 else None, 0.0, ())
        replays.replayed(Exchange("1", "GET", "/", "/", {}), replayed)
        assert sum(len(each.replay.offsets or ()) for each in replays.latest if each.replay) <= MOST_EVENTS
    assert (replays.hits, len(replays.latest)) == (MOST_REMEMBERED + 5, 21)


class _Exchange:
    id, method, wall = "1", "GET", 0.0


def test_a_miss_among_many_is_found_quickly(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = read_library(str(many), NOTHING_IGNORED).aliases["openai"]
    body = chat("question 123 about the number 861!", temperature=1, tools=[{"n": 123}])
    compared: list[Any] = []
    near: Callable[..., list[Any]] = index.Index.near

    def noted(*given: Any) -> list[Any]:
        compared.extend(near(*given))
        return compared

    monkeypatch.setattr(index.Index, "near", noted)
    found = find_nearest(Miss("openai", _asked(body), there, NOTHING_IGNORED))
    assert found is not None
    assert (found.name, found.first.at, found.differences) == ("openai/123.jsonl", "$.messages[0].content", 1)
    assert len(compared) == MOST_COMPARED


def _asked(body: Any) -> Any:
    import json

    return compared_request("POST", "v1/chat/completions", "", json.dumps(body).encode())


def test_numbers_of_a_large_body_count_as_they_are_written() -> None:
    few, many = b"[%b]" % b",".join([b"2.0"] * 100), b"[%b]" % b",".join([b"2.0"] * (MOST_NUMBERED + 1))

    def key_of(body: bytes) -> object:
        return compared_request("POST", "x", "", body).key

    assert key_of(few) == key_of(few.replace(b".0", b""))
    assert key_of(many) == key_of(many.replace(b",", b" , "))
    assert key_of(many) != key_of(many.replace(b".0", b""))


def test_fields_are_bounded() -> None:
    with pytest.raises(ValueError, match=f"at most {MOST_FIELDS} fields"):
        parse_ignored(",".join("a" for _ in range(MOST_FIELDS + 1)))
