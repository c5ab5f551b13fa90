"""A generator of JSON bodies that are dear to read: much of one kind of value, at each place where one is taken."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

PROXY = "/api/oagw/v1/proxy"

#: Bytes of a body.
LARGEST = 2**20 - 2000


class Asked(NamedTuple):
    """One request."""

    method: str
    target: str
    body: bytes | None
    headers: tuple[str, ...] = ()


def _list(each: bytes, size: int) -> bytes:
    return b"[%b]" % b",".join([each] * max(1, size // (len(each) + 1)))


def _object(each: bytes, size: int) -> bytes:
    count = max(1, size // (len(each) + 9))
    return b"{%b}" % b",".join(b'"k%05x":%b' % (number, each) for number in range(count))


_VALUES = (
    b"[]",
    b"{}",
    b"1",
    b"1.5",
    b"-7e-9",
    b'"a"',
    b'""',
    b"null",
    b"true",
    b'{"a":{}}',
    b'{"a":1,"b":[2]}',
    b"[[[[[]]]]]",
    b'{"type":"string"}',
    b'{"title":"a"}',
    b'{"type":"x"}',
    b'{"type":"number","multipleOf":0.1}',
    b'{"text":"a"}',
    b'{"type":"text","text":"a"}',
    b'{"role":"user","content":"a"}',
    b'{"role":"assistant","tool_calls":[{"id":"c"}]}',
    b'{"type":"function","function":{"name":"f"}}',
    b'{"$ref":"#"}',
    b'{"enum":[1]}',
    b"9" * 300,
    b'"' + b"x " * 40 + b'"',
    b'"\\u00e9\\"\\\\"',
    '"\u00e9 "'.encode(),
    b'{"type":"string","pattern":"[a-z]{2}x"}',
    b'{"tool":"f"}',
)

#: A value of a body, in JSON: short, or as much of one kind as there is room for.
SIZES = st.sampled_from([10, 60_000, 300_000, LARGEST])
VALUES = st.one_of(
    st.builds(_list, st.sampled_from(_VALUES), SIZES),
    st.builds(_object, st.sampled_from(_VALUES), SIZES),
    st.builds(
        lambda text, size: b'"%b"' % (text * max(1, size // len(text))),
        st.sampled_from(
            [
                b"a ",
                b"x",
                b" ",
                b"\\n",
                b'\\"',
                b"\\u00e9 ",
                "\u00e9 ".encode(),
                "\U0001f600".encode(),
                b"a,",
                b"{[",
                b"?",
                b"sk-",
                b"eyJ",
                b"token",
                b"1ms,",
                b"//a@",
                b"error hello ",
                b"     a",
            ]
        ),
        SIZES,
    ),
)


def _nested(before: bytes, after: bytes) -> st.SearchStrategy[bytes]:
    return VALUES.map(lambda value: before + value + after)


#: JSON schemas.
SCHEMAS = st.one_of(
    VALUES,
    *(
        _nested(b'{"type":"object","%b":' % key, b"}")
        for key in (b"properties", b"required", b"allOf", b"anyOf", b"oneOf", b"enum", b"const", b"$defs", b"pattern")
    ),
    _nested(b'{"type":"array","minItems":9000,"items":', b"}"),
    _nested(b'{"type":"array","prefixItems":', b"}"),
    _nested(b'{"type":', b"}"),
)

_SAID = b'"model":"m","max_tokens":1000,"messages":[{"role":"user","content":"hi"}]'
_TOOL = b'"tools":[{"type":"function","function":{"name":"f","parameters":%b}}]'
_CHAT, _RESPONSES, _COMPLETIONS, _MESSAGES = (
    "openai/v1/chat/completions",
    "openai/v1/responses",
    "openai/v1/completions",
    "anthropic/v1/messages",
)

#: Where a schema stands.
_OF_SCHEMAS = (
    (_CHAT, b"{" + _SAID + b"," + _TOOL + b"}"),
    (_CHAT, b"{" + _SAID + b',"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":%b}}}'),
    (_RESPONSES, b'{"model":"m","input":"x","text":{"format":{"type":"json_schema","name":"x","schema":%b}}}'),
    (_RESPONSES, b'{"model":"m","input":"x","tools":[{"type":"function","name":"x","parameters":%b}]}'),
    (_MESSAGES, b"{" + _SAID + b',"tools":[{"name":"f","input_schema":%b}]}'),
    (_MESSAGES, b"{" + _SAID + b',"output_config":{"format":{"type":"json_schema","schema":%b}}}'),
)

#: Where any value stands.
_OF_VALUES = (
    *((path, b"%b") for path in (_CHAT, _RESPONSES, _COMPLETIONS, _MESSAGES, "calculator/x", "openai/v1/embeddings")),
    *(
        (_CHAT, b'{"model":"m","messages":[{"role":"user","content":"hi"}],"%b":%%b}' % key)
        for key in (b"x", b"tools", b"stop", b"metadata", b"logit_bias", b"tool_choice", b"stream_options")
    ),
    *(
        (_CHAT, b'{"model":"m","messages":%b}' % each)
        for each in (
            b"%b",
            b'[{"role":"user","content":%b}]',
            b'[{"role":"assistant","tool_calls":%b},{"role":"user","content":"x"}]',
        )
    ),
    *((_RESPONSES, b'{"model":"m","%b":%%b}' % key) for key in (b"input", b"instructions", b"tools", b"include")),
    *(
        (_RESPONSES, b'{"model":"m","input":"x","%b":%%b}' % key)
        for key in (b"metadata", b"tools", b"reasoning", b"text")
    ),
    *(
        (_COMPLETIONS, b'{"model":"m","prompt":%%b%b}' % more)
        for more in (
            b"",
            b',"echo":true',
            b',"echo":true,"logprobs":2,"max_tokens":1',
            b',"stream":true',
            b',"n":4',
            b',"prompt_logprobs":1',
        )
    ),
    *(
        (_MESSAGES, b"{" + _SAID + b',"%b":%%b}' % key)
        for key in (b"system", b"tools", b"stop_sequences", b"metadata", b"tool_choice", b"thinking", b"x")
    ),
    *(
        (_MESSAGES, b'{"model":"m","max_tokens":9,"messages":%b}' % each)
        for each in (
            b"%b",
            b'[{"role":"user","content":%b}]',
            b'[{"role":"user","content":[{"type":"tool_result","tool_use_id":"x","content":%b}]}]',
        )
    ),
    ("anthropic/v1/messages/count_tokens", b'{"model":"m","messages":[{"role":"user","content":%b}]}'),
    *((f"openai/v1/{path}", b'{"input":%b}') for path in ("embeddings", "moderations")),
    ("openai/tokenize", b'{"prompt":%b,"return_token_strs":true}'),
    ("openai/tokenize", b'{"messages":%b}'),
    ("openai/detokenize", b'{"tokens":%b}'),
    ("calculator/x", b'{"operation":"add","a":1,"b":%b}'),
    ("calculator/x", b'{"operation":%b}'),
)

#: What those who control the simulator send. The rules are for an upstream that nothing else here asks for.
_OF_CONTROL = (
    ("PUT", "/_sim/rules", b"%b"),
    *(
        ("POST", "/_sim/rules", b'{"match":{"alias":"github"},%b}' % each)
        for each in (
            b'"reply":%b',
            b'"reply":[{"text":%b}]',
            b'"reply":{"status":200,"json":%b}',
            b'"reply":{"status":200,"events":%b}',
            b'"reply":{"status":200,"headers":%b}',
            b'"reply":[{"tool":{"name":"f","arguments":%b}}]',
            b'"itl":%b',
            b'"fault":%b',
            b'"when":%b',
        )
    ),
    *(
        ("POST", "/_sim/rules", b'{"match":{"path":"nowhere","%b":%%b}}' % key)
        for key in (
            b"alias",
            b"method",
            b"header",
            b"query",
            b"body",
            b"model",
            b"turn",
            b"tool",
            b"tool-result",
            b"json",
            b"system",
        )
    ),
    ("PATCH", "/_sim/config", b"%b"),
    ("PATCH", "/_sim/config", b'{"itl":%b}'),
    ("POST", "/_sim/upstreams", b"%b"),
    ("PUT", "/_sim/upstreams/u", b'{"token":%b}'),
    ("POST", "/_sim/rules/explain", b'{"alias":"openai","path":"v1/chat/completions","body":%b}'),
    ("POST", "/_sim/rules/explain", b'{"alias":"openai","headers":%b}'),
)


def _filled(template: bytes, value: bytes) -> bytes:
    body = template.replace(b"%b", value, 1)
    # One that is cut is no document: that is to be found out as quickly.
    return body[:LARGEST]


def _posts(places: tuple[tuple[str, bytes], ...], values: st.SearchStrategy[bytes]) -> st.SearchStrategy[Asked]:
    return st.builds(
        lambda place, value: Asked("POST", f"{PROXY}/{place[0]}", _filled(place[1], value)),
        st.sampled_from(places),
        values,
    )


BODIES = st.one_of(
    _posts(_OF_SCHEMAS, SCHEMAS),
    _posts(_OF_VALUES, VALUES),
    st.builds(
        lambda place, value: Asked(place[0], place[1], _filled(place[2], value)), st.sampled_from(_OF_CONTROL), VALUES
    ),
)

_GLOBS = ("a", "*" + "a" * 900 + "b", "*" + "a*" * 400 + "b", "*" + "a?" * 16 + "b*", "[a]" * 300 + "*")
_LONG = ("a", "%61", "a/", "?", "=", "&", ";", "a=b&", "%3F", "//a@", "sk-", "eyJ", "sim-itl=1ms&", "%", "*", ",")

#: Requests whose heads are as long as may be, and what looks at requests that came before.
HEADS = st.one_of(
    st.builds(
        lambda path, part: Asked("GET", f"{PROXY}/{path}" + part * (40_000 // len(part)), None),
        st.sampled_from(
            ["weather/", "weather/current?", "weather/current?city=", "github/repos/", "stream-test/events?"]
        ),
        st.sampled_from(list(_LONG)),
    ),
    st.builds(
        lambda name, part: Asked("GET", f"{PROXY}/weather/current", None, (f"{name}: {part * (60_000 // len(part))}",)),
        st.sampled_from(
            [
                "X-Sim-Itl",
                "X-Sim-Fault",
                "X-Sim-Gate",
                "Accept",
                "Cookie",
                "Forwarded",
                "Content-Encoding",
                "X-Request-Id",
            ]
        ),
        st.sampled_from(["a", "1ms,", "reset,", "trace(1ms", ";", ",", "gzip,", "a=b; ", '"']),
    ),
    st.builds(
        lambda filter_, glob: Asked("GET", f"/_sim/requests?limit=2&{filter_}={glob.replace('?', '%3F')}", None),
        st.sampled_from(["path", "model", "outcome", "header=x-request-id:"]),
        st.sampled_from(_GLOBS),
    ),
    st.sampled_from(
        [
            Asked("GET", f"/_sim/requests?limit=2{more}", None)
            for more in ("", "&events=1", "&format=har", "&format=ndjson")
        ]
    ),
)

REQUESTS = st.one_of(BODIES, BODIES, HEADS)
