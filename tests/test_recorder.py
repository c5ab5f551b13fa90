"""What a real upstream says is written down as it comes, whole, bounded, and without any credential."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from other_servers import AiohttpServer, reset, saying
from raw_http import TOKEN, dial, request, talk
from test_proxying import KEY, REAL, described, wait_for

from oagw_tornado.knobs.ignored_fields import NOTHING_IGNORED, IgnoredFields
from oagw_tornado.recordings.format import End, Line, Read, RecordingHead, decode_line
from oagw_tornado.recordings.masked_fields import MOST_MASKED, masked_fields
from oagw_tornado.testing import SimulatorProcess, SimulatorThread


def lines_of(file: Path) -> list[Line]:
    """The whole lines of a recording."""
    return [decode_line(line) for line in file.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def recordings(folder: Path) -> list[list[Line]]:
    """All of them, the oldest first."""
    return [lines_of(file) for file in sorted(folder.rglob("*.jsonl"), key=lambda file: int(file.stem.split("-")[-1]))]


def ended(folder: Path, count: int) -> list[list[Line]]:
    """So many recordings, once they have all ended."""
    return list(
        wait_for(lambda: (found := recordings(folder)) and len(found) == count and all(map(_is_over, found)) and found)
    )


def _is_over(lines: list[Line]) -> bool:
    return bool(lines) and isinstance(lines[-1], End)


@pytest.fixture(scope="module")
def upstream() -> Iterator[AiohttpServer]:
    with AiohttpServer() as server:
        yield server


def real(port: int, **more: Any) -> dict[str, Any]:
    return {"url": f"http://127.0.0.1:{port}/base", "authorization": f"Bearer {KEY}", **more}


def test_a_stream_is_recorded_read_by_read(tmp_path: Path, upstream: AiohttpServer) -> None:
    folder = tmp_path / "recordings"
    with SimulatorThread(config=described(tmp_path, real=real(upstream.port)), record=str(folder)) as simulator:
        talk(simulator.port, request(f"{REAL}/stream?n=3&gap=0.02", {"b": 2, "a": 1}))
        (lines,) = ended(folder, 1)
    (file,) = folder.rglob("*.jsonl")
    head, *reads, end = lines
    assert isinstance(head, RecordingHead)
    assert isinstance(end, End)
    assert (head.alias, head.ended, head.request.method, head.request.path) == ("real", "complete", "POST", "stream")
    assert (head.request.query, head.request.body, head.request.body_bytes) == ("n=3&gap=0.02", b'{"b": 2, "a": 1}', 16)
    assert head.reply is not None
    assert (head.reply.status, head.reply.reason) == (200, "OK")
    assert ("Content-Type", "text/event-stream") in head.reply.headers
    said = [read for read in reads if isinstance(read, Read)]
    assert b"".join(read.data for read in said).count(b"data: ") == 4
    times = [head.first_byte_us or 0, *(read.at for read in said), end.at]
    assert times == sorted(times)
    assert said[-1].at - said[0].at >= 55_000
    assert end.ended == "complete"
    assert file.parent == folder / "real"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {stat.S_IMODE(each.stat().st_mode) for each in (folder, file.parent)} == {0o700}


def test_each_end_has_its_name(tmp_path: Path, upstream: AiohttpServer) -> None:
    """In the recording as in the journal; a client that leaves at ``[DONE]`` leaves a whole one."""

    def cut(connection: Any) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")

    own, other = tmp_path / "own", tmp_path / "other"
    with saying(reset) as resetting, saying(cut) as cutting:
        file = described(
            tmp_path,
            real=real(upstream.port),
            resetting={"url": f"http://127.0.0.1:{resetting}", "record": str(other)},
            cutting={"url": f"http://127.0.0.1:{cutting}", "record": str(other)},
        )
        with SimulatorThread(config=file, record=str(own)) as simulator:
            for mark, target in ((b"DONE", "stream?n=2&end=open"), (b'"n": 1', "stream?n=500")):
                with dial(simulator.port, 10) as client:
                    client.sendall(request(f"{REAL}/{target}"))
                    received = b""
                    while mark not in received:
                        received += client.recv(65536)
            talk(simulator.port, request(f"{REAL}/stream?n=5", headers={"X-Sim-Fault": "reset;at-event=2"}))
            for alias in ("resetting", "cutting"):
                talk(simulator.port, request(f"/api/oagw/v1/proxy/{alias}/x", {"a": 1}))
            found = ended(own, 3)
            others = ended(other, 2)
    assert [_ended(lines) for lines in found] == ["complete", "client-left", "fault:reset"]
    assert [_ended(lines) for lines in others] == ["reset", "cut"]
    assert others[0][0].reply is None  # type: ignore[union-attr]
    assert others[1][1].data == b"some"  # type: ignore[union-attr]


def _ended(lines: list[Line]) -> str | None:
    head, end = lines[0], lines[-1]
    assert isinstance(head, RecordingHead)
    assert isinstance(end, End)
    assert head.ended == end.ended
    return head.ended


def test_no_credential_is_written(tmp_path: Path, upstream: AiohttpServer) -> None:
    """The upstream says back all that it was sent: none of the keys on the way is in any file."""
    secrets = [KEY, TOKEN, "cookie-value-0123456789", "client-key-0123456789", "query-key/0123456789", "hdr-0123456789"]
    folder = tmp_path / "recordings"
    described_real = real(upstream.port, headers={"X-Other-Key": "hdr-0123456789"})
    with SimulatorThread(config=described(tmp_path, real=described_real), record=str(folder)) as simulator:
        headers = {"Cookie": "session=cookie-value-0123456789", "X-Api-Key": "client-key-0123456789"}
        body = {"said": f"my token is {TOKEN}"}
        reply = talk(simulator.port, request(f"{REAL}/a?key=query-key%2F0123456789", body, headers))
        ended(folder, 1)
    # The client has seen them.
    assert KEY.encode() in reply.body
    written = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert b"my token is" in written
    for secret in secrets:
        assert secret.encode() not in written
        assert secret.replace("/", "%2F").encode() not in written
    assert b"authorization" not in written.lower().replace(b'\\"authorization\\"', b"")
    (lines,) = recordings(folder)
    assert len(b"".join(read.data for read in lines if isinstance(read, Read))) == len(reply.body)


SHOWN = {
    "Proxy-Authorization": "Basic " + b64encode(b"user:proxy-password-0123").decode(),
    "Api-Key": "azure-key-0123456789",
    "X-Goog-Api-Key": "google-key-0123456789",
    "X-Amz-Security-Token": "amazon-token-0123456789",
    "Cookie": 'a=first-cookie-0123; b="second-cookie-0123"',
}
FORM = "grant_type=client_credentials&client_id=me&client_secret=form%2Dsecret-0123&password=short"
DOCUMENT = {
    "model": "m",
    "max_tokens": 5,
    "client_secret": "json-secret-0123",
    "tools": [{"type": "mcp", "authorization": "mcp-token-0123456789", "headers": {"x-api-key": "in a tool 0123"}}],
    "auth": {"password": "pw"},
}
KEYS = (
    "proxy-password-0123", "dXNlcjpwcm94eS1wYXNzd29yZC0wMTIz", "azure-key-0123456789", "google-key-0123456789",
    "amazon-token-0123456789", "first-cookie-0123", "second-cookie-0123", "form-secret-0123", "form%2Dsecret",
    "json-secret-0123", "mcp-token-0123456789", "in a tool 0123", "signed-0123456789", "state-0123456789",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded; charset=utf-8", "application/json"])
def test_credentials_are_masked_wherever_a_client_shows_them_and_do_not_count(
    tmp_path: Path, upstream: AiohttpServer, kind: str
) -> None:
    """The upstream says all of it back, as a stream; another key finds the recording as well."""
    folder = tmp_path / "recordings"
    body = FORM if kind.startswith("application/x") else json.dumps(DOCUMENT)
    target = f"{REAL}/said/oauth/token?signature=signed-0123456789&x=1&access_token=state-0123456789"
    (tmp_path / "recordings").mkdir()
    described_real = real(upstream.port, replay=str(folder), **{"on-miss": "record"})
    with SimulatorThread(config=described(tmp_path, real=described_real)) as simulator:
        sent = {**SHOWN, "Content-Type": kind}
        reply = talk(simulator.port, request(target, body.encode(), sent))
        assert body.encode() in reply.body
        assert talk(simulator.port, request(f"{REAL}/echo", b"", SHOWN)).status == 200  # which says the header back
        wait_for(lambda: simulator.control.replays()["upstreams"] == {"real": 2})
        written = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
        other = body.replace("secret-0123", "other").replace("mcp-token", "another").replace("short", "longer")
        again = talk(simulator.port, request(target.replace("signed-0", "s"), other.encode(), {"Content-Type": kind}))
        assert (again.status, simulator.control.replays()["replays"]) == (200, 1)
        different = other.replace("client_credentials", "password").replace('"m"', '"n"')
        talk(simulator.port, request(target, different.encode(), {"Content-Type": kind}))
        assert simulator.control.replays()["replays"] == 1
    assert b"grant_type" in written or b"max_tokens" in written
    assert [key for key in KEYS if key.encode() in written] == []
    # One that is short is not looked for in what the upstream says: it may be any word.
    heads = b"".join(line for line in written.splitlines() if b'"request"' in line)
    assert [key for key in (b"short", b'\\"pw\\"') if key in heads] == []


def test_what_is_masked_is_found_in_what_was_recorded() -> None:
    body = b'{"a": {"api_key": "***"}, "b": [{"password": "***", "c": "d"}, {"password": "***"}], "e": "** *"}'
    found = masked_fields("key=***&x=1", body, "application/json")
    assert found == IgnoredFields((("a", "api_key"), ("b", None, "password")), frozenset({"key"}))
    assert masked_fields("x=1", b"y=***&z=2", "application/x-www-form-urlencoded").parameters == {"y"}
    assert masked_fields("", b"a *** of stars", "text/plain") == NOTHING_IGNORED
    many = json.dumps({f"key{number}": "***" for number in range(2 * MOST_MASKED)}).encode()
    assert len(masked_fields("", many, "application/json").members) == MOST_MASKED


def test_recordings_are_bounded(tmp_path: Path, upstream: AiohttpServer) -> None:
    folder = tmp_path / "recordings"
    with SimulatorThread(
        config=described(tmp_path, real=real(upstream.port)), record=str(folder), record_max="20KiB"
    ) as simulator:
        replies = [talk(simulator.port, request(f"{REAL}/large?size=9000")) for _ in range(4)]
        assert [len(reply.body) for reply in replies] == [9000] * 4
        found = recordings(folder)
    heads = [lines[0] for lines in found if isinstance(lines[0], RecordingHead)]
    assert [head.ended for head in heads] == ["complete", "complete", "record-max"]
    assert sum(file.stat().st_size for file in folder.rglob("*.jsonl")) <= 21 * 1024
    # Those that are there already count.
    with SimulatorThread(
        config=described(tmp_path, real=real(upstream.port)), record=str(folder), record_max="20KiB"
    ) as simulator:
        assert len(talk(simulator.port, request(f"{REAL}/large?size=9000")).body) == 9000
    assert sum(file.stat().st_size for file in folder.rglob("*.jsonl")) <= 21 * 1024


def test_a_large_request_is_known_by_its_hash(tmp_path: Path, upstream: AiohttpServer) -> None:
    from hashlib import sha256

    folder = tmp_path / "recordings"
    body = b"x" * 3_000_000
    with SimulatorThread(config=described(tmp_path, real=real(upstream.port)), record=str(folder)) as simulator:
        assert talk(simulator.port, request(f"{REAL}/echo", body), 20).status == 200
        (lines,) = ended(folder, 1)
    head = lines[0]
    assert isinstance(head, RecordingHead)
    assert (head.request.body, head.request.body_bytes) == (None, len(body))
    assert head.request.body_sha256 == sha256(body).hexdigest()


def test_a_recorder_that_is_killed_leaves_what_was_said(tmp_path: Path, upstream: AiohttpServer) -> None:
    folder = tmp_path / "recordings"
    with SimulatorProcess(config=described(tmp_path, real=real(upstream.port)), record=str(folder)) as simulator:
        with dial(simulator.port, 10) as client:
            client.sendall(request(f"{REAL}/stream?n=1000&gap=0.005"))
            received = b""
            while b'"n": 20}' not in received:
                received += client.recv(65536)
            os.kill(simulator.pid, signal.SIGKILL)
        time.sleep(0.05)
        (lines,) = recordings(folder)
        simulator.stop()
    head, *reads = lines
    assert isinstance(head, RecordingHead)
    assert head.ended is None
    said = b"".join(read.data for read in reads if isinstance(read, Read))
    assert b'"n": 20}' in said
    assert len(reads) > 1, "as they came"


def test_what_cannot_be_written_harms_no_reply(tmp_path: Path, upstream: AiohttpServer) -> None:
    folder = tmp_path / "recordings"
    with SimulatorThread(config=described(tmp_path, real=real(upstream.port)), record=str(folder)) as simulator:
        (folder / "real").rmdir()
        assert talk(simulator.port, request(f"{REAL}/stream?n=2")).body.count(b"data: ") == 3


def test_one_simulator_records_another(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    with SimulatorThread(inter_token_latency="10ms") as other:
        file = tmp_path / "front.json"
        openai = {"url": f"http://127.0.0.1:{other.port}/api/oagw/v1/proxy/openai", "authorization": f"Bearer {TOKEN}"}
        file.write_text(json.dumps({"upstreams": {"openai": openai}}))
        with SimulatorThread(config=str(file), record=str(folder)) as simulator:
            from raw_http import CHAT, chat

            reply = talk(simulator.port, request(CHAT, chat("one two three")), 10)
            (lines,) = ended(folder, 1)
        (entry,) = other.control.requests()
    reads = [line for line in lines if isinstance(line, Read)]
    assert b"".join(read.data for read in reads) == b"".join(reply.chunks)
    assert entry["outcome"] == "complete"
