"""JSON and YAML that nest deep, or mean more than they say, end as one clear error, wherever they are read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_http import request, talk

from oagw_tornado.config.config import read_config
from oagw_tornado.config.settings import ConfigError
from oagw_tornado.testing import SimulatorThread
from oagw_tornado.units.documents import DEEPEST, DocumentError, brief, read_json

PROXY = "/api/oagw/v1/proxy"


def nested(depth: int, inner: str = "") -> str:
    return "[" * depth + inner + "]" * depth


@pytest.mark.parametrize("depth", [1, 2, DEEPEST - 1, DEEPEST])
def test_what_nests_within_the_limit_is_read(depth: int) -> None:
    assert json.dumps(read_json(nested(depth).encode())) == nested(depth)


@pytest.mark.parametrize("depth", [DEEPEST + 1, 300, 1000, 1024, 1025, 100_000])
@pytest.mark.parametrize("inner", ["", '{"a":{}}', "1,2,3"])
def test_what_nests_deeper_is_refused(depth: int, inner: str) -> None:
    with pytest.raises(DocumentError, match="nested too deeply"):
        read_json(nested(depth, inner).encode())


def test_brackets_in_texts_do_not_count() -> None:
    assert read_json(json.dumps(["[{" * 1000]).encode()) == ["[{" * 1000]


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@given(st.recursive(st.none() | st.text(max_size=3), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_depth_against_a_plain_recursion(value: Any) -> None:
    for _ in range(DEEPEST - 3):
        value = [value]
    text = json.dumps(value).encode()
    if depth_of(value) > DEEPEST:
        with pytest.raises(DocumentError, match="nested too deeply"):
            read_json(text)
    else:
        assert read_json(text) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"[" + b"[]," * 14_998 + b"{}]", None),
        (b"[" + b"[]," * 14_999 + b"{}]", "15000 objects and lists"),
        (b"[" + b'{"a":1},' * 15_000 + b"1]", "15000 objects and lists"),
        (b"[" + b'"a",' * 60_000 + b"1]", None),
        (b"[" + b'"a",' * 60_000 + b'"a"]', "60000 strings"),
        (rb'{"a": "%s"}' % (rb"{[\"a\", \"\\\"]}" * 50_000), None),
        (rb'[%s"\\\"[["]' % (rb'"\\",[],' * 14_998), None),
        (rb'[%s"\\",[[]]]' % (rb'"\\",[],' * 14_998), "15000 objects and lists"),
        (b'"' * 300_000, "strings"),
    ],
)
def test_a_document_has_only_so_many_values(text: bytes, reason: str | None) -> None:
    if reason is None:
        assert read_json(text) == json.loads(text)
    else:
        with pytest.raises(DocumentError, match=reason):
            read_json(text)


def test_a_quote_is_short_whatever_it_quotes() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    shared: Any = "lol"
    for _ in range(60):
        shared = [shared] * 10
    for value in (deep, shared, {"a": deep}, 10**100_000, -(2**70_000), "x" * 10**6, {1: "x" * 10**6}, [10**100_000]):
        assert 0 < len(brief(value)) <= 80
    assert brief({"a": [1, None]}) == "{'a': [1, None]}"


# Over HTTP.


@pytest.fixture(scope="module")
def server(wire: str) -> Iterator[SimulatorThread]:
    engine, loop = wire.split("-")
    with SimulatorThread(http_server=engine, loop=loop) as running:
        yield running


DEEP = nested(1000)
CHAT = {"model": "gpt-4", "messages": [{"role": "user", "content": "hi"}]}


def within(document: dict[str, Any], key: str, value: str = DEEP) -> str:
    """The document as JSON with one more member, whose value is already JSON."""
    text = json.dumps(document)[:-1]
    return f'{text}{", " if document else ""}"{key}": {value}}}'


CONTROL = [
    ("POST", "/_sim/rules", DEEP),
    ("POST", "/_sim/rules", '{"match": {"path": %s}}'.replace("%s", DEEP)),
    ("POST", "/_sim/rules", '{"match": {"alias": [%s]}}'.replace("%s", DEEP)),
    ("POST", "/_sim/rules", '{"match": {"header": {"x": %s}}}'.replace("%s", DEEP)),
    ("POST", "/_sim/rules", '{"when": {"first": %s}}'.replace("%s", DEEP)),
    ("POST", "/_sim/rules", '{"source": %s}'.replace("%s", DEEP)),
    ("POST", "/_sim/rules", '{"latency": %s}'.replace("%s", DEEP)),
    ("POST", "/_sim/rules", '{"fault": %s}'.replace("%s", nested(1000, '"reset"'))),
    ("POST", "/_sim/rules", '{"nothing": %s}'.replace("%s", DEEP)),
    ("PUT", "/_sim/rules", DEEP),
    ("PUT", "/_sim/rules", '{"rules": %s}'.replace("%s", DEEP)),
    ("PUT", "/_sim/rules", '[{"match": %s}]'.replace("%s", DEEP)),
    ("PATCH", "/_sim/config", DEEP),
    ("PATCH", "/_sim/config", '{"latency": %s}'.replace("%s", DEEP)),
]
SERVICES = [
    ("openai/v1/chat/completions", within(CHAT, "metadata")),
    ("openai/v1/chat/completions", within(CHAT, "unknown")),
    ("openai/v1/chat/completions", '{"messages": %s}'.replace("%s", DEEP)),
    ("openai/v1/chat/completions", DEEP),
    (
        "openai/v1/chat/completions",
        within(
            CHAT,
            "response_format",
            '{"type":"json_schema","json_schema":{"name":"a","schema":{"const":%s}}}'.replace("%s", DEEP),
        ),
    ),
    (
        "openai/v1/chat/completions",
        within(
            CHAT,
            "tools",
            '[{"type":"function","function":{"name":"f","parameters":{"enum":[%s]}}}]'.replace("%s", DEEP),
        ),
    ),
    ("openai/v1/completions", within({"model": "gpt-4"}, "prompt")),
    ("openai/v1/responses", within({"model": "gpt-4"}, "input")),
    ("openai/v1/embeddings", within({"model": "gpt-4"}, "input")),
    ("openai/v1/moderations", within({}, "input")),
    ("anthropic/v1/messages", within({**CHAT, "max_tokens": 5}, "metadata")),
    ("calculator/x", within({"operation": "add"}, "a")),
    ("calculator/x", within({"a": 1}, "operation")),
    ("calculator/x", DEEP),
]


@pytest.mark.parametrize(("method", "path", "body"), CONTROL)
def test_control_refuses_it(server: SimulatorThread, method: str, path: str, body: str) -> None:
    reply = talk(server.port, request(path, body.encode(), method=method))
    assert reply.status == 400
    error = json.loads(reply.body)["error"]
    assert "nested too deeply" in error
    assert len(error) < 300
    assert server.take_errors() == ""


@pytest.mark.parametrize(("path", "body"), SERVICES)
def test_services_refuse_it(server: SimulatorThread, path: str, body: str) -> None:
    reply = talk(server.port, request(f"{PROXY}/{path}", body.encode()))
    assert reply.status == 400, reply.body
    assert json.loads(reply.body)["error"]
    assert server.take_errors() == ""


@pytest.mark.parametrize("depth", [101, 200, 300, 900])
def test_services_refuse_what_python_could_still_walk(server: SimulatorThread, depth: int) -> None:
    body = within(CHAT, "metadata", nested(depth)).encode()
    assert talk(server.port, request(f"{PROXY}/openai/v1/chat/completions", body)).status == 400
    assert server.take_errors() == ""


def test_a_rule_whose_model_is_looked_for_in_a_deep_body(server: SimulatorThread) -> None:
    server.control.add_rule(match={"model": "gpt-4"}, rate_limit="100/s;tokens=1000000/s")
    body = within(CHAT, "metadata").encode()
    assert talk(server.port, request(f"{PROXY}/weather/current", body)).status == 200
    assert server.take_errors() == ""
    server.control.reset()


# In files.


def read_yaml(text: str) -> None:
    def read_file(path: str) -> str:
        return text

    read_config(["--config=sim.yaml"], {}, read_file)


def laughs(levels: int, key: str = "rules") -> str:
    """Ten times as many values with each level."""
    lines = ["a0: &a0 lol"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "{}: [{{name: {{{}}}}}]".format(key, ", ".join(lines))


MERGED = "rules:\n- match: {header: &a {x: y}}\n" + "".join(
    f"- match: {{header: &{new} {{<<: [{', '.join([f'*{old}'] * 10)}]}}}}\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("rules: " + DEEP, "nested too deeply"),
        ("rules: " + nested(20_000), "nested too deeply"),
        ("rules: " + "[" * 20_000, "nested too deeply"),
        ("latency: " + nested(150), "nested too deeply"),
        ("rules: [{match: {path: %s}}]".replace("%s", nested(150)), "nested too deeply"),
        ("rules:\n" + "\n".join("  " * n + f"- k{n}:" for n in range(150)), "nested too deeply"),
        ("{a: " * 150 + "1" + "}" * 150, "nested too deeply"),
        (laughs(10), "aliases written out"),
        (laughs(60), "aliases written out"),
        (MERGED, "aliases written out"),
        ("rules: &a [*a]", "an alias inside its own anchor"),
        ("rules: &a {name: *a}", "an alias inside its own anchor"),
        ("rules: [&a {match: {header: {x: [*a]}}}]", "an alias inside its own anchor"),
        ("rules: [{when: {first: 2024-13-45}}]", "not valid YAML"),
        ("rules: [{name: !!bool maybe}]", "not valid YAML"),
        ("rules: [{name: !!int ''}]", "not valid YAML"),
        ("rules: [{name: !!float x}]", "not valid YAML"),
        ("rules: [{name: !!timestamp x}]", "not valid YAML"),
        ("rules: [{name: !!binary '*'}]", "name"),
        ("rules: [{name: %s}]".replace("%s", "9" * 5000), "not valid YAML"),
        ("rules: [{seed: 0x%s}]".replace("%s", "f" * 5000), "seed"),
        ("rules:\n- ? 0x%s\n  : 1".replace("%s", "f" * 5000), "no such key"),
        ("rules:\n- match:\n    ? 0x%s\n    : 1".replace("%s", "f" * 5000), "no such key"),
        ("rules: [{match: {header: {5: x}}}]", "header names"),
        ("rules: [{match: {header: !!set {x}}}]", "match.header"),
        ("rules: [{match: {alias: 2024-01-01}}]", "match.alias"),
        ("rules: [{when: {probability: .nan}}]", "when.probability"),
        ("rules: [{source: [upstream]}]", "source"),
        ("# " + "x" * (8 * 2**20), "characters"),
    ],
)
def test_a_file_ends_in_one_line(text: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml(text)
    message = str(caught.value)
    assert hint in message
    assert message.startswith("sim.yaml")
    assert "\n" not in message
    assert len(message) < 1000


def test_an_alias_is_as_good_as_what_it_stands_for() -> None:
    read_yaml(
        "rules:\n- match: &chat {path: v1/chat/*}\n  latency: 1s\n- match: *chat\n- match: {<<: *chat, alias: openai}"
    )
