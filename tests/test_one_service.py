"""What upstreams give out holds at every process that shares a state: tokens, stored responses, recordings in order."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import pytest
from raw_http import CHAT, TOKEN, RawReply, chat, request, talk
from recorded import JSON, events, write_recording
from redis_server import RedisServer
from test_workers import program
from wire import VisibleServer

from oagw_tornado.simulator import Simulator
from oagw_tornado.testing import SimulatorThread

PROXY = "/api/oagw/v1/proxy"
OAUTH = f"{PROXY}/oauth"
RESPONSES = f"{PROXY}/openai/v1/responses"
MINE = {"client_id": "me", "client_secret": "secret"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recordings")
    for number in range(5):
        at = f"2026-01-0{number + 1}T00:00:00.000000Z"
        write_recording(
            root / "openai" / f"{number}.jsonl", {"say": "many"}, [(100, b'{"n":%d}' % number)], headers=JSON, at=at
        )
    write_recording(root / "openai" / "stream.jsonl", chat("stream"), events(3))
    return root


@pytest.fixture(scope="module")
def members(redis: RedisServer, library: Path) -> Iterator[list[SimulatorThread]]:
    def member() -> SimulatorThread:
        return SimulatorThread(
            state=f"{redis.url}?prefix=service",
            token=["@oauth", "test-integration-token"],
            replay=str(library),
            on_miss="pass",
            openai_profile="openai",
            inter_token_latency="0",
            prompt_cache=True,
        )

    with member() as one, member() as other:
        yield [one, other]


@pytest.fixture
def two(members: list[SimulatorThread]) -> list[SimulatorThread]:
    """Two members, in the state at start."""
    assert talk(members[0].port, request("/_sim/reset", method="POST")).status == 204
    return members


def post(server: SimulatorThread, path: str, fields: dict[str, str], **headers: str) -> RawReply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = request(f"{OAUTH}/{path}", urlencode({**MINE, **fields}).encode(), {**FORM, **named})
    return talk(server.port, data.replace(f"Authorization: Bearer {TOKEN}\r\n".encode(), b""), patience=30)


def token(server: SimulatorThread, **fields: str) -> Any:
    reply = post(server, "token", {"grant_type": "client_credentials", **fields})
    assert reply.status == 200, reply.body
    return json.loads(reply.body)


def status_with(server: SimulatorThread, access: str, path: str = f"{PROXY}/weather/current") -> int:
    return talk(server.port, request(path, headers={"Authorization": f"Bearer {access}"})).status


def ask(server: SimulatorThread, path: str, document: Any = None, method: str = "") -> tuple[int, Any]:
    body = None if document is None else json.dumps(document).encode()
    reply = talk(server.port, request(path, body, method=method or ("GET" if body is None else "POST")), patience=30)
    return reply.status, json.loads(reply.body) if reply.body[:1] == b"{" else reply.body


def test_a_token_is_good_wherever_it_is_shown_until_it_is_revoked(two: list[SimulatorThread]) -> None:
    one, other = two
    granted = token(one)
    for server in (one, other, one):
        assert status_with(server, granted["access_token"]) == 200
        assert status_with(server, "wrong") == 403
        assert status_with(server, granted["access_token"], f"{PROXY}/nowhere/x") == 404
        assert status_with(server, "wrong", f"{PROXY}/nowhere/x") == 403
    assert post(other, "revoke", {"token": granted["access_token"]}).status == 200
    for server in (one, other):
        reply = talk(
            server.port,
            request(f"{PROXY}/weather/current", headers={"Authorization": f"Bearer {granted['access_token']}"}),
        )
        assert (reply.status, "stale" in (reply.header("WWW-Authenticate") or "")) == (401, True)
    # A refusal is the journal's as ever: of no upstream.
    listed = ask(one, "/_sim/requests?status=403")[1]["requests"]
    assert {entry["alias"] for entry in listed} == {None}
    assert len(listed) == 6


def test_a_token_ends_everywhere(two: list[SimulatorThread]) -> None:
    one, other = two
    short = post(one, "token", {"grant_type": "client_credentials"}, X_Sim_Token_Lifetime="1ms")
    access = json.loads(short.body)["access_token"]
    deadline = monotonic() + 20
    while status_with(other, access) == 200:
        assert monotonic() < deadline
    assert [status_with(server, access) for server in two] == [401, 401]


def test_refresh_tokens_rotate_wherever_they_are_used(two: list[SimulatorThread]) -> None:
    one, other = two
    granted = token(one, scope="chat")
    refreshed = token(other, grant_type="refresh_token", refresh_token=granted["refresh_token"])
    assert refreshed["scope"] == "chat"
    again = post(one, "token", {"grant_type": "refresh_token", "refresh_token": granted["refresh_token"]})
    assert (again.status, json.loads(again.body)["error"]) == (400, "invalid_grant")
    # Its access token goes with it.
    assert post(one, "revoke", {"token": refreshed["refresh_token"]}).status == 200
    assert [status_with(server, refreshed["access_token"]) for server in two] == [401, 401]
    gone = post(other, "token", {"grant_type": "refresh_token", "refresh_token": refreshed["refresh_token"]})
    assert gone.status == 400


def test_all_sign_with_one_key(two: list[SimulatorThread]) -> None:
    pytest.importorskip("cryptography")
    keys = [ask(server, f"{OAUTH}/.well-known/jwks.json")[1]["keys"] for server in two]
    assert keys[0] == keys[1]
    assert len(keys[0]) == 1


def test_a_response_is_stored_for_all(two: list[SimulatorThread]) -> None:
    one, other = two
    first = ask(one, RESPONSES, {"model": "gpt-4", "input": "hello"})[1]
    assert ask(other, f"{RESPONSES}/{first['id']}") == (200, first)
    items = ask(other, f"{RESPONSES}/{first['id']}/input_items")[1]["data"]
    assert [item["content"][0]["text"] for item in items] == ["hello"]
    second = ask(other, RESPONSES, {"model": "gpt-4", "input": "more", "previous_response_id": first["id"]})[1]
    assert second["previous_response_id"] == first["id"]
    assert second["usage"]["input_tokens"] > first["usage"]["input_tokens"]
    assert ask(other, f"{RESPONSES}/{first['id']}", method="DELETE")[1]["deleted"]
    for server in two:
        assert ask(server, f"{RESPONSES}/{first['id']}")[0] == 404
        refused = {"model": "gpt-4", "input": "x", "previous_response_id": first["id"]}
        status, answer = ask(server, RESPONSES, refused)
        assert (status, answer["error"]["code"]) == (400, "previous_response_not_found")
    # What follows a response that was deleted holds on to it.
    third = ask(one, RESPONSES, {"model": "gpt-4", "input": "z", "previous_response_id": second["id"]})[1]
    assert third["usage"]["input_tokens"] > second["usage"]["input_tokens"]
    not_stored = ask(one, RESPONSES, {"model": "gpt-4", "input": "hello", "store": False})[1]
    assert ask(other, f"{RESPONSES}/{not_stored['id']}")[0] == 404


def test_rules_see_what_was_said_elsewhere(two: list[SimulatorThread]) -> None:
    one, other = two
    rule = {"name": "seen", "match": {"any-message": "*the secret word*"}, "reply": "I remember"}
    assert ask(one, "/_sim/rules", rule)[0] == 201
    first = ask(one, RESPONSES, {"model": "gpt-4", "input": "the secret word is x"})[1]
    follow = {"model": "gpt-4", "input": "which?", "previous_response_id": first["id"]}
    assert ask(other, RESPONSES, follow)[1]["output"][0]["content"][0]["text"] == "I remember"


def test_a_stream_is_whole_everywhere_once_it_has_said_so(two: list[SimulatorThread]) -> None:
    for number in range(10):
        one, other = two[number % 2], two[1 - number % 2]
        with socket.create_connection(("127.0.0.1", one.port), 30) as client:
            body = json.dumps({"model": "gpt-4", "input": "hello", "stream": True}).encode()
            client.sendall(request(RESPONSES, body))
            said = b""
            while b"response.completed" not in said:
                said += client.recv(65536)
            id = said.partition(b'"id":"')[2].partition(b'"')[0].decode()
            status, found = ask(other, f"{RESPONSES}/{id}")
            assert (status, found["status"]) == (200, "completed")


def test_a_stream_under_way_is_in_progress_everywhere(two: list[SimulatorThread]) -> None:
    one = two[0]
    with socket.create_connection(("127.0.0.1", one.port), 30) as client:
        body = json.dumps({"model": "gpt-4", "input": "hello", "stream": True}).encode()
        client.sendall(request(RESPONSES, body, {"X-Sim-Inter-Token-Latency": "60s"}))
        said = b""
        while b"response.output_text.delta" not in said:
            said += client.recv(65536)
        id = said.partition(b'"id":"')[2].partition(b'"')[0].decode()
        for server in two:
            assert ask(server, f"{RESPONSES}/{id}")[1]["status"] == "in_progress"
            status, _ = ask(server, RESPONSES, {"model": "gpt-4", "input": "x", "previous_response_id": id})
            assert status == 400


def test_recordings_follow_each_other_and_are_told_of_all(two: list[SimulatorThread]) -> None:
    numbers = [ask(two[number % 2], f"{PROXY}/openai/v1/chat/completions", {"say": "many"})[1] for number in range(7)]
    assert numbers == [{"n": number} for number in (0, 1, 2, 3, 4, 4, 4)]
    for server in two:
        talk(server.port, request(CHAT, json.dumps(chat("stream")).encode()), patience=30)
    for server in two:
        told = ask(server, "/_sim/replays?limit=3&events=1")[1]
        assert (told["replays"], told["counted"], told["events"]) == (9, 9, 7 + 2 * 3)
        assert [each["recording"] for each in told["latest"]] == ["openai/stream.jsonl"] * 2 + ["openai/4.jsonl"]
        assert told["upstreams"] == {"openai": 6}
    assert talk(two[1].port, request("/_sim/reset", method="POST")).status == 204
    assert ask(two[0], f"{PROXY}/openai/v1/chat/completions", {"say": "many"})[1] == {"n": 0}
    assert ask(two[1], f"{PROXY}/openai/v1/chat/completions", {"say": "many"})[1] == {"n": 1}


def test_what_one_has_cached_all_have(two: list[SimulatorThread]) -> None:
    text = " ".join(f"word{number}" for number in range(1300))
    document = {"model": "gpt-4", "messages": [{"role": "user", "content": text}]}
    cached = [
        ask(two[number % 2], CHAT, document)[1]["usage"]["prompt_tokens_details"]["cached_tokens"]
        for number in range(3)
    ]
    assert cached[0] == 0
    assert cached[1] == cached[2] >= 1152
    block = {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
    marked = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": [block]}]}
    used = [ask(two[number % 2], f"{PROXY}/anthropic/v1/messages", marked)[1]["usage"] for number in range(2)]
    assert used[0]["cache_creation_input_tokens"] == used[1]["cache_read_input_tokens"] > 1024
    assert used[0]["cache_read_input_tokens"] == used[1]["cache_creation_input_tokens"] == 0


def replayed(simulator: Simulator) -> dict[str, int]:
    replays = simulator.control.replays
    return {} if replays is None else replays.aliases


def test_what_one_has_recorded_answers_at_all(redis: RedisServer, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    recordings = tmp_path / "recordings"
    with SimulatorThread() as upstream:
        url = f"{upstream.base_url}{PROXY}/weather"
        real = {"url": url, "authorization": f"Bearer {TOKEN}", "replay": str(recordings), "on-miss": "record"}
        config = tmp_path / "sim.json"
        config.write_text(json.dumps({"upstreams": {"real": real}}))
        state = f"{redis.url}?prefix=records"
        with VisibleServer(config=config, state=state) as one, VisibleServer(config=config, state=state) as other:
            assert ask(one, f"{PROXY}/real/current?city=Bonn")[1]["location"] == "Bonn"
            for server in (one, other):
                server.wait_until(lambda simulator: replayed(simulator) == {"real": 1}, 20)
            assert ask(other, f"{PROXY}/real/current?city=Bonn")[1]["location"] == "Bonn"
            told = ask(one, "/_sim/replays")[1]
            assert (told["replays"], told["misses"]) == (1, 1)
    assert len(list(recordings.rglob("*.jsonl"))) == 1


def test_recordings_are_read_again_by_all(redis: RedisServer, tmp_path: Path) -> None:
    (tmp_path / "openai").mkdir()
    with program(redis, "--port=0", f"--replay={tmp_path}", prefix="replays") as running:
        running.ready()
        running.process.send_signal(signal.SIGHUP)
        both = {running.wait_for(r"worker (\d) .*read again: 0 recordings")[1] for _ in range(2)}
        assert both == {"0", "1"}
        assert running.end() == 0


def status_of_state(simulator: Simulator) -> str:
    details = simulator.responder.health.details
    return "" if details is None else str(details()["state"]["status"])


def test_what_was_given_out_outlives_the_store() -> None:
    with RedisServer() as server:
        state = f"{server.url}?prefix=outlives"
        with VisibleServer(state=state, token="@oauth") as one, VisibleServer(state=state, token="@oauth") as other:
            access = token(one)["access_token"]
            server.kill()
            for each in (one, other):
                each.wait_until(lambda simulator: status_of_state(simulator) == "away", 20)
            # Its issuer knows it; the other cannot tell, and says so.
            assert [status_with(each, access) for each in (one, other)] == [200, 503]
            meanwhile = token(one)["access_token"]
            server.start()
            for each in (one, other):
                each.wait_until(lambda simulator: status_of_state(simulator) == "connected", 20)
            assert [status_with(other, each) for each in (access, meanwhile)] == [200, 200]
