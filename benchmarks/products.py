"""Products of the field with the same work: how each is started, told its streams and asked for one.

What a product cannot do exactly is configured as near as it gets; its `note` says how.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from benchmarks.peers.installation import FOLDER, PRODUCTS
from benchmarks.peers.payload import Wanted, wanted, weather
from benchmarks.servers import HOST, Server, Streams, Wrong, ask, get, post

_WEATHER = json.dumps(weather("Paris"), separators=(",", ":"))


def _program(name: str) -> str:
    return str(PRODUCTS[name].found() or name)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 6)


def _put(path: str, document: object) -> bytes:
    return post(path, document).replace(b"POST", b"PUT", 1)


def _tell(port: int, request: bytes) -> None:
    """Raises Wrong unless the server agrees."""
    answer = ask(port, request)
    if answer.split(b" ", 2)[1][:1] != b"2":
        raise Wrong(answer.decode(errors="replace"))


# granian: the ASGI application that uvicorn has, too.


def _granian(port: int) -> list[str]:
    options = "--interface asgi --workers 1 --loop uvloop --http 1 --no-ws --backlog 4096 --log-level error"
    application = "benchmarks.peers.asgi_application:application"
    return [_program("granian"), "--host", HOST, "--port", str(port), *options.split(), application]


GRANIAN = Server(
    "granian",
    "granian, bare ASGI",
    _granian,
    lambda streams: get(f"/stream?count={streams.events}&gap={streams.gap:g}&size={streams.size}"),
    get("/weather?city=Paris"),
    PRODUCTS["granian"].lacks,
)

# go-httpbin: /sse spreads `count` events evenly over a duration, the first at once and the last at its end.


def _go_httpbin(port: int) -> list[str]:
    limits = ["-max-duration", "600s", "-srv-read-timeout", "600s", "-log-level", "OFF"]
    return [_program("go-httpbin"), "-host", HOST, "-port", str(port), *limits]


def _sse(streams: Streams) -> bytes:
    duration = _milliseconds(streams.gap * (streams.events - 1))
    return get(f"/sse?count={streams.events}&duration={duration:g}ms")


GO_HTTPBIN = Server(
    "go-httpbin",
    "go-httpbin `/sse`",
    _go_httpbin,
    _sse,
    get(f"/base64/{base64.urlsafe_b64encode(_WEATHER.encode()).decode()}"),
    PRODUCTS["go-httpbin"].lacks,
    health=get("/status/200"),
    note="`/sse` with a `count`, and a `duration` that makes the gap; its events are pings of 54 bytes. "
    "Its small reply is `/base64`",
)

# llm-d-inference-sim: a legacy completion has no chunk for its role, and with `length` none for its end.


def _llm_d(port: int) -> list[str]:
    limits = ["--max-num-seqs", "25000", "--max-model-len", "100000"]
    return [_program("llm-d-inference-sim"), "--port", str(port), "--model", "gpt-4", "--mode", "random", *limits]


def _completion(streams: Streams) -> bytes:
    wish: dict[str, Any] = {"model": "gpt-4", "prompt": "hello", "stream": True, "ignore_eos": True}
    return post("/v1/completions", wish | {"max_tokens": streams.events})


LLM_D = Server(
    "llm-d-inference-sim",
    "llm-d-inference-sim",
    _llm_d,
    _completion,
    lacks=PRODUCTS["llm-d-inference-sim"].lacks,
    pace=lambda streams: ["--inter-token-latency", f"{_milliseconds(streams.gap):g}ms"],
    note="random texts of `max_tokens` with `ignore_eos` from `/v1/completions`, and `--inter-token-latency`",
)

# aimock: a fixture has its text cut into chunks, after one for the role and before one for the end, at a rate.


def _aimock(port: int) -> list[str]:
    fixtures = FOLDER / "aimock/fixtures.json"
    fixtures.write_text(json.dumps({"fixtures": [_fixture(Streams(5, 0.05))]}))
    return ["node", _program("aimock"), "-h", HOST, "-p", str(port), "-f", str(fixtures), "--log-level", "silent"]


def _said(streams: Streams) -> str:
    return f"{streams.events} events, {_milliseconds(streams.gap):g} ms apart, of {streams.size}"


def _fixture(streams: Streams) -> dict[str, Any]:
    return {
        "match": {"userMessage": _said(streams)},
        "response": {"content": "w" * streams.size * (streams.events - 2)},
        "chunkSize": streams.size,
        "streamingProfile": {"ttft": 0, "tps": 1 / streams.gap},
    }


def _fixtures(port: int, played: list[Streams]) -> None:
    _tell(port, post("/__aimock/fixtures", {"fixtures": [_fixture(streams) for streams in played]}))


def _aimock_chat(streams: Streams) -> bytes:
    message = {"role": "user", "content": _said(streams)}
    return post("/v1/chat/completions", {"model": "gpt-4", "stream": True, "messages": [message]})


AIMOCK = Server(
    "aimock",
    "aimock",
    _aimock,
    _aimock_chat,
    lacks=PRODUCTS["aimock"].lacks,
    prepare=_fixtures,
    note="a fixture with a `chunkSize` of one word, and a `streamingProfile` of no `ttft` and a `tps` of 1 / gap",
)

# MockServer: an expectation lists its events one by one, each but the first after a delay.


def _mockserver(port: int) -> list[str]:
    jars = FOLDER / "mockserver/*"
    # It makes a certificate at each start, which would else lie in the working directory.
    kept = f"-Dmockserver.directoryToSaveDynamicSSLCertificate={FOLDER / 'mockserver'}"
    main = ["-cp", str(jars), "org.mockserver.cli.Main"]
    return ["java", kept, *main, "-serverPort", str(port), "-logLevel", "ERROR"]


def _path(streams: Streams) -> str:
    return f"/stream/{streams.events}/{_milliseconds(streams.gap):g}/{streams.size}"


def _expectation(streams: Streams) -> dict[str, Any]:
    text = _data(wanted(f"count={streams.events}&gap={streams.gap:g}&size={streams.size}"))
    delay = {"delay": {"timeUnit": "MICROSECONDS", "value": round(streams.gap * 1e6)}}
    later = [{"data": text} | delay] * (streams.events - 1)
    head = {"statusCode": 200, "headers": {"Transfer-Encoding": ["chunked"]}}
    return {
        "httpRequest": {"path": _path(streams)},
        "httpSseResponse": {**head, "events": [{"data": text}, *later], "closeConnection": False},
    }


def _data(stream: Wanted) -> str:
    return stream.event.decode().removeprefix("data: ").rstrip("\n")


def _expectations(port: int, played: list[Streams]) -> None:
    small = {"statusCode": 200, "headers": {"Content-Type": ["application/json"]}, "body": _WEATHER}
    expected: list[dict[str, Any]] = [_expectation(streams) for streams in played]
    expected.append({"httpRequest": {"path": "/weather"}, "httpResponse": small})
    for each in expected:
        _tell(port, _put("/mockserver/expectation", each))


MOCKSERVER = Server(
    "mockserver",
    "MockServer",
    _mockserver,
    lambda streams: get(_path(streams)),
    get("/weather"),
    PRODUCTS["mockserver"].lacks,
    health=_put("/mockserver/status", {}),
    warming=3.0,
    prepare=_expectations,
    note="an expectation with an `httpSseResponse` that lists every event with its delay",
)

COMPARED = {server.name: server for server in (GO_HTTPBIN, LLM_D, AIMOCK, MOCKSERVER, GRANIAN)}
