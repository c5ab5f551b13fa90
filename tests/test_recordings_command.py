"""``oagw-tornado recordings``: what is there, what is wrong with it, and to and from archives and cassettes."""

from __future__ import annotations

import gzip
import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from raw_http import CHAT, chat, request, talk
from recorded import JSON, events, write_recording

from oagw_tornado.commands.arguments import CommandError
from oagw_tornado.commands.recordings import run
from oagw_tornado.knobs.ignored_fields import NOTHING_IGNORED
from oagw_tornado.recordings.cassette import import_cassette
from oagw_tornado.recordings.har import har, har_entry, import_har
from oagw_tornado.recordings.recording import Recording, bounded_lines, read_recording
from oagw_tornado.replaying.index import read_library
from oagw_tornado.testing import SimulatorThread

KEY = "sk-proj-0123456789abcdefghij"


def _fields(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


_PAIRS = {"type": "array", "items": _fields(name={"type": "string"}, value={"type": "string"})}
_MESSAGE = {
    "cookies": {"type": "array"},
    "headers": _PAIRS,
    "headersSize": {"type": "integer"},
    "bodySize": {"type": "integer"},
    "httpVersion": {"type": "string"},
}
_TIME = {"type": "number", "minimum": -1}
#: What HAR 1.2 asks of an archive, from its specification.
HAR = _fields(
    log=_fields(
        version={"const": "1.2"},
        creator=_fields(name={"type": "string"}, version={"type": "string"}),
        entries={
            "type": "array",
            "items": {
                **_fields(
                    startedDateTime={
                        "type": "string",
                        "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
                    },
                    time={"type": "number", "minimum": 0},
                    request=_fields(
                        method={"type": "string"},
                        url={"type": "string", "format": "uri"},
                        queryString=_PAIRS,
                        **_MESSAGE,
                    ),
                    response=_fields(
                        status={"type": "integer"},
                        statusText={"type": "string"},
                        redirectURL={"type": "string"},
                        content=_fields(size={"type": "integer"}, mimeType={"type": "string"}),
                        **_MESSAGE,
                    ),
                    cache={"type": "object"},
                    timings=_fields(send=_TIME, wait=_TIME, receive=_TIME),
                ),
                "patternProperties": {"^_": {}},
            },
        },
    )
)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    root = tmp_path / "recordings"
    write_recording(root / "openai" / "a.jsonl", chat("one"), events(3, 2000))
    write_recording(
        root / "openai" / "b.jsonl", chat("two"), events(2), ended="reset", at="2026-01-02T00:00:00.000000Z"
    )
    write_recording(
        root / "mine" / "c.jsonl",
        b"\x00\xff",
        [(2500, b"\xff\xfe")],
        target="x?a=1&b=%20",
        alias="mine",
        headers=(("Content-Type", "application/octet-stream"),),
        content_type="",
    )
    return root


def read(path: Path) -> Recording:
    with path.open("rb") as file:
        return read_recording(bounded_lines(file))


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(arguments) == code
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_list_and_show(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "list", str(library)).splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        f"{library}/{each}.jsonl" for each in ("mine/c", "openai/a", "openai/b")
    ]
    assert lines[1].split("  ")[1:] == [
        "2026-01-01T00:00:00.000000Z",
        "openai",
        "POST /v1/chat/completions",
        "200",
        "3 reads",
        "45 bytes",
        "5.0 ms",
        "complete",
    ]
    assert json.loads(said(capsys, "list", "--json", f"{library}/mine/c.jsonl"))["query"] == "a=1&b=%20"
    shown = said(capsys, "show", f"{library}/openai/b.jsonl").splitlines()
    assert shown[1] == "> POST /v1/chat/completions"
    assert shown[-2:] == ['       2.000 ms  data: {"n":1}\\n\\n', "       2.000 ms  reset"]


def test_check_names_file_and_line_and_takes_what_was_cut(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "check", str(library)) == "3 recordings, 0 cut off, all of them can be read\n"
    file = write_recording(library / "openai" / "d.jsonl", chat("x"), events(3), ended=None)
    file.write_bytes(file.read_bytes()[:-5])
    assert f"{file}: cut off after 2 reads, the last line is not whole; it is used up to there" in said(
        capsys, "check", str(library)
    )
    file.write_bytes(file.read_bytes() + b"\n")
    text = said(capsys, "check", str(library), code=2)
    assert f"{file}: line 4: is not a JSON document" in text
    assert "not all of them can be read" in text
    assert f"{library}/nowhere: No such file" in said(capsys, "check", f"{library}/nowhere", code=2)
    empty = library.parent / "empty"
    empty.mkdir()
    with pytest.raises(CommandError, match="there is no recording in it"):
        run(["list", str(empty)])


def test_an_archive_is_valid_and_comes_back_as_it_was(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = json.loads(said(capsys, "har", str(library)))
    jsonschema.validate(archive, HAR)
    assert [entry["request"]["url"].rpartition("/proxy/")[2] for entry in archive["log"]["entries"]] == [
        "mine/x?a=1&b=%20",
        "openai/v1/chat/completions",
        "openai/v1/chat/completions",
    ]
    (tmp_path / "a.har").write_text(json.dumps(archive))
    copies = tmp_path / "copies"
    assert said(capsys, "import", f"{tmp_path}/a.har", "-o", str(copies)) == f"3 recordings in {copies}\n"
    for alias, name in (("openai", "a"), ("openai", "b"), ("mine", "c")):
        original = read(library / alias / f"{name}.jsonl")
        if original.head.request.body == b"\x00\xff":
            continue  # an archive has texts alone in a request
        same = [
            each
            for each in map(read, (copies / alias).iterdir())
            if each.head.request.body == original.head.request.body
        ]
        assert len(same) == 1
        assert (same[0].reads, same[0].offsets, same[0].ended) == (original.reads, original.offsets, original.ended)
        assert same[0].head.first_byte_us == original.head.first_byte_us
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in copies.rglob("*.jsonl"))


def _entry(**changes: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "startedDateTime": "2026-01-01T00:00:00.000Z",
        "request": {
            "method": "POST",
            "url": f"https://api.openai.com/v1/chat/completions?key={KEY}",
            "headers": [
                {"name": "Authorization", "value": f"Bearer {KEY}"},
                {"name": "Content-Type", "value": "application/json"},
            ],
            "postData": {"mimeType": "application/json", "text": json.dumps(chat("hi"))},
        },
        "response": {
            "status": 200,
            "statusText": "OK",
            "headers": [
                {"name": "Content-Type", "value": "text/event-stream"},
                {"name": "Content-Encoding", "value": "gzip"},
                {"name": "Set-Cookie", "value": "a=b"},
            ],
            "content": {"text": "data: 1\n\ndata: 2\n\n"},
        },
        "timings": {"send": 1, "wait": 20, "receive": 30},
    }
    return entry | changes


def test_archives_of_browsers_have_times_where_they_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (plain,) = import_har({"log": {"entries": [_entry()]}}).recordings
    assert (plain.reads, list(plain.offsets), plain.head.first_byte_us) == (
        [b"data: 1\n\n", b"data: 2\n\n"],
        [0, 0],
        None,
    )
    assert plain.head.alias == "openai"
    chrome = _entry(_eventSourceMessages=[{"time": 1767225600.010}, {"time": 1767225600.025}])
    (timed,) = import_har({"log": {"entries": [chrome]}}).recordings
    assert (list(timed.offsets), timed.head.first_byte_us) == ([10_000, 25_000], 10_000)
    whole = _entry(
        response={
            "status": 201,
            "headers": [{"name": "Content-Length", "value": "999"}],
            "content": {"text": "AP8=", "encoding": "base64"},
        }
    )
    (body,) = import_har({"log": {"entries": [whole]}}, "other").recordings
    assert (body.reads, list(body.offsets), body.head.first_byte_us, body.head.alias) == (
        [b"\x00\xff"],
        [51_000],
        21_000,
        "other",
    )
    assert ("Content-Length", "2") in body.head.reply.headers  # type: ignore[union-attr]
    (tmp_path / "a.har").write_text(
        json.dumps({"log": {"entries": [_entry(), {"request": 5}, _entry(startedDateTime="soon")]}})
    )
    text = said(capsys, "import", f"{tmp_path}/a.har", "-o", f"{tmp_path}/out", code=1)
    assert "entry 2: request: expected an object, not '5'; it is left out" in text
    assert "entry 3: startedDateTime: expected ISO 8601" in text
    written = b"".join(file.read_bytes() for file in (tmp_path / "out").rglob("*.jsonl"))
    assert KEY.encode() not in written
    assert b"a=b" not in written


def test_cassettes_come_in_and_knobs_give_them_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def interaction(text: str, body: Any, kind: str, **headers: list[str]) -> dict[str, Any]:
        return {
            "request": {
                "method": "POST",
                "uri": "https://api.openai.com/v1/chat/completions",
                "body": json.dumps(chat(text)),
                "headers": {"authorization": [f"Bearer {KEY}"], "content-type": ["application/json"]},
            },
            "response": {
                "status": {"code": 200, "message": "OK"},
                "body": {"string": body},
                "headers": {"Content-Type": [kind], **headers},
            },
        }

    interactions = [
        interaction("stream", "data: 1\n\ndata: 2\n\n: x\n\ndata: [DONE]\n\n", "text/event-stream"),
        interaction("zipped", gzip.compress(b'{"a": 1}'), "application/json", **{"Content-Encoding": ["gzip"]}),
        interaction("unzipped", '{"a": 1}', "application/json", **{"Content-Encoding": ["gzip"]}),
        {"request": {}, "response": {}},
    ]
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"version": 1, "interactions": interactions}))
    out = tmp_path / "out"
    text = said(capsys, "import", f"{tmp_path}/c.yaml", "-o", str(out), code=1)
    assert "interaction 4: request.uri: expected a text" in text
    assert "3 recordings in" in text
    assert KEY.encode() not in b"".join(file.read_bytes() for file in out.rglob("*.jsonl"))
    with SimulatorThread(replay=out, inter_token_latency="4ms", ttft="10ms") as server:
        reply = talk(server.port, request(CHAT, chat("stream")))
        assert reply.chunks == [b"data: 1\n\n", b"data: 2\n\n", b": x\n\n", b"data: [DONE]\n\n", b""]
        planned = server.control.requests(events=True)[0]["events"]["planned"]
        assert planned == pytest.approx([0.010, 0.014, 0.018], abs=1e-9)
        zipped = talk(server.port, request(CHAT, chat("zipped")))
        assert (gzip.decompress(zipped.body), zipped.header("Content-Encoding")) == (b'{"a": 1}', "gzip")
        unzipped = talk(server.port, request(CHAT, chat("unzipped")))
        assert (unzipped.body, unzipped.header("Content-Encoding")) == (b'{"a": 1}', None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not valid JSON"),
        ("[1", "not valid YAML"),
        ("a: 1", "expected {interactions"),
        ('{"log": {}}', "an HTTP Archive"),
        ("[" * 3000 + "]" * 3000, ""),
    ],
)
def test_what_is_neither_is_refused_in_one_line(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "x"
    file.write_text(text)
    with pytest.raises(CommandError) as error:
        run(["import", str(file), "-o", str(tmp_path)])
    assert why in str(error.value)
    assert error.value.status == 2


def test_it_is_a_command(library: Path) -> None:
    command = [sys.executable, "-m", "oagw_tornado", "recordings"]
    done = subprocess.run([*command, "script", str(library)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "b.jsonl: it ended with reset: a fault such as reset does that" in done.stderr
    assert len(yaml.safe_load(done.stdout)["rules"]) == 3
    wrong = subprocess.run([*command, "import", "x"], capture_output=True, text=True, timeout=60)
    assert (wrong.returncode, wrong.stderr) == (2, "oagw-tornado recordings: import: expected -o DIR\n")


def test_what_is_imported_is_found(library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.har").write_text(json.dumps(har([har_entry(read(library / "openai" / "a.jsonl"), "a")])))
    said(capsys, "import", f"{tmp_path}/a.har", "-o", f"{tmp_path}/out", "--alias", "copy")
    assert list(read_library(f"{tmp_path}/out", NOTHING_IGNORED).aliases) == ["copy"]
    with pytest.raises(CommandError, match="--alias"):
        run(["import", f"{tmp_path}/a.har", "-o", f"{tmp_path}/out", "--alias", "../x"])
    assert import_cassette({"interactions": []}) == ([], [])
    assert JSON
