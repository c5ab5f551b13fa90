"""The vocabulary of knobs as values: reading, laying over one another, headers and queries."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.httputil import HTTPHeaders

from oagw_tornado.knobs.vocabulary import (
    VOCABULARY,
    KeepAlive,
    Knobs,
    as_text,
    knobs_in_headers,
    resolve,
    split_query,
)
from oagw_tornado.units.knob_errors import KnobError
from oagw_tornado.units.latency import Fixed
from oagw_tornado.wire.headers import WireHeaders


def test_every_knob_sets_a_field() -> None:
    names = {field.name for field in fields(Knobs) if field.init}
    assert {knob.field for knob in VOCABULARY.values()} == names - {"source", "reply", "own_fault"}
    for name, knob in VOCABULARY.items():
        assert knob.name == name
        assert knob.help
        assert knob.metavar


def test_request_over_rule_over_server() -> None:
    server = resolve(Knobs(), {"latency": "1s", "seed": "1", "gate": "a"})
    rule = resolve(server, {"latency": "2s", "seed": "2"})
    request = resolve(rule, {"latency": "3s"})
    assert (request.latency, request.seed, request.gate) == (Fixed(3.0), 2, "a")
    assert resolve(request, {}) is request


@pytest.mark.parametrize(("long", "short"), [("time-to-first-token", "ttft"), ("inter-token-latency", "itl")])
def test_short_names(long: str, short: str) -> None:
    assert resolve(Knobs(), {short: "7ms"}) == resolve(Knobs(), {long: "7ms"})


def test_tokens_per_second_is_an_inverse() -> None:
    assert resolve(Knobs(), {"tokens-per-second": "20"}).inter_token_latency == Fixed(0.05)
    with pytest.raises(KnobError, match="cannot be combined with itl"):
        resolve(Knobs(), {"itl": "1ms", "tokens-per-second": "20"})


BAD = [
    ("latency", "50"),
    ("latency", "trace(@/etc/passwd)"),
    ("header-delay", "-1s"),
    ("ttft", "soon"),
    ("itl", "uniform(1ms)"),
    ("tokens-per-second", "0"),
    ("tokens-per-second", "nan"),
    ("event-interval", ""),
    ("output-tokens", "1000001"),
    ("output-tokens", "-1"),
    ("tokens-per-event", "0"),
    ("events-per-write", "1.5"),
    ("seed", "x"),
    ("seed", str(2**63)),
    ("time-factor-under-load", "0.5"),
    ("time-factor-under-load", "inf"),
    ("max-concurrency", "0"),
    ("filler", "maybe"),
    ("filler", ""),
    ("max-model-len", "0"),
    ("max-model-len", "4k"),
    ("max-num-seqs", "0"),
    ("max-num-seqs", "-1"),
    ("max-num-seqs", "1.5"),
    ("max-waiting-queue-length", "-1"),
    ("max-waiting-queue-length", "none"),
    ("queue-full-status", "500"),
    ("queue-full-status", ""),
    ("fault", "rest"),
    ("rate-limit", "60"),
    ("gate", "a b"),
    ("gate", "x" * 129),
    ("line-ending", "LFCR"),
    ("opening", "at-once"),
    ("keep-alive", "15"),
    ("keep-alive", "15s;form=ping"),
    ("keep-alive", "1us"),
    ("fautl", "reset"),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_what_is_no_value_is_refused_by_the_knobs_name(name: str, value: str) -> None:
    with pytest.raises(KnobError) as caught:
        resolve(Knobs(), {name: value})
    assert str(caught.value).startswith(f"{name}: ")
    assert caught.value.knob == name


@given(st.sampled_from(list(VOCABULARY)), st.text(max_size=40))
def test_no_text_breaks_a_knob(name: str, text: str) -> None:
    try:
        knobs = resolve(Knobs(), {name: text})
    except KnobError as error:
        assert error.knob == name
    else:
        value = getattr(knobs, VOCABULARY[name].field)
        if value is not None and not VOCABULARY[name].form_of:
            assert resolve(Knobs(), {name: str(value)}) == knobs


def test_a_keep_alive_has_a_form() -> None:
    assert resolve(Knobs(), {"keep-alive": "15s"}).keep_alive == KeepAlive(15.0)
    assert resolve(Knobs(), {"keep-alive": "1.5s;form=event"}).keep_alive == KeepAlive(1.5, "event")
    assert resolve(Knobs(keep_alive=KeepAlive(1.0)), {"keep-alive": "none"}).keep_alive is None


# What is looked at for every request.


def test_what_is_immediate_and_what_draws() -> None:
    def facts(**given: str) -> tuple[bool, bool]:
        knobs = resolve(Knobs(), {name.replace("_", "-"): value for name, value in given.items()})
        return knobs.immediate, knobs.draws

    assert facts() == (True, False)
    assert facts(ttft="1s", header_delay="1s") == (True, False)
    assert facts(latency="1ms") == (False, False)
    assert facts(latency="exponential(0)") == (True, False)
    assert facts(gate="a") == (False, False)
    assert facts(fault="none") == (True, False)
    assert facts(fault="garbage") == (False, True)
    assert facts(itl="uniform(1ms,2ms)") == (True, True)
    assert facts(itl="trace(0,1ms,3ms)")[1]


@pytest.mark.parametrize(
    ("given_", "line"),
    [
        ({}, b"ttft;dur=0, itl;dur=50, interval;dur=100"),
        ({"ttft": "1.5s", "itl": "750us"}, b"ttft;dur=1500, itl;dur=0.75, interval;dur=100"),
        (
            {"latency": "1ms", "header-delay": "2ms", "itl": "lognormal(50ms,0.4)", "event-interval": "0"},
            b'latency;dur=1, header;dur=2, ttft;dur=0, itl;dur=50;desc="lognormal(50ms,0.4)"',
        ),
    ],
)
def test_the_plan_is_stated(given_: dict[str, str], line: bytes) -> None:
    assert resolve(Knobs(), given_).server_timing == b"Server-Timing: " + line + b"\r\n"


@given(st.sampled_from(["uniform(0,1h)", "trace(" + ",".join(["1ms"] * 500) + ")", "normal(1ms,1ms)"]))
def test_the_stated_plan_is_one_short_header_line(text: str) -> None:
    line = resolve(Knobs(), {"ttft": text, "itl": text}).server_timing
    assert len(line) < 300
    assert line.count(b"\r\n") == 1
    line.decode("ascii")


# Ways in.


def wire_headers(*lines: tuple[str, str]) -> WireHeaders:
    return WireHeaders([f"{name}: {value}".encode() for name, value in lines])


def plain_headers(*lines: tuple[str, str]) -> HTTPHeaders:
    headers = HTTPHeaders()
    for name, value in lines:
        headers.add(name, value)
    return headers


@pytest.mark.parametrize("make", [wire_headers, plain_headers])
def test_headers(make: object) -> None:
    lines = [
        ("Host", "x"),
        ("x-sim-TTFT", "1s"),
        ("X-SIM-fault", "split"),
        ("X-Sim-Fault", "reset"),
        ("X-Simple", "no"),
        ("X-Sim-", "empty"),
    ]
    headers = make(*lines)  # type: ignore[operator]
    found = headers.starting_with(b"x-sim-") if isinstance(headers, WireHeaders) else knobs_in_headers(headers)
    assert found == {"ttft": "1s", "fault": "split,reset", "": "empty"}
    with pytest.raises(KnobError, match="no such knob"):
        resolve(Knobs(), found)


def test_no_knobs_in_headers() -> None:
    assert knobs_in_headers(plain_headers(("Host", "x"))) == {}


@pytest.mark.parametrize(
    ("query", "rest", "found"),
    [
        ("", "", {}),
        ("city=Oslo", "city=Oslo", {}),
        ("a=1&sim-latency=1s&b=%20&", "a=1&b=%20&", {"latency": "1s"}),
        ("sim-itl=uniform(1ms%2C2ms)", "", {"itl": "uniform(1ms,2ms)"}),
        ("sim-fault=split&x&sim-fault=reset;at-event=2", "x", {"fault": "split,reset;at-event=2"}),
        ("sim-gate", "", {"gate": ""}),
        ("simple=1&x=sim-latency", "simple=1&x=sim-latency", {}),
    ],
)
def test_queries(query: str, rest: str, found: dict[str, str]) -> None:
    assert split_query(query) == (rest, found)


parts = st.text(alphabet="abc=%+;/?123", max_size=8).filter(lambda part: not part.startswith("sim-"))


@given(
    st.lists(parts, max_size=6),
    st.dictionaries(st.sampled_from(list(VOCABULARY)), st.text(max_size=10), max_size=3),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_what_is_no_knob_stays_as_it_was_byte_for_byte(
    others: list[str], knobs: dict[str, str], plus: bool, random: object
) -> None:
    encode = quote_plus if plus else quote
    given_ = [f"sim-{name}={encode(value)}" for name, value in knobs.items()]
    mixed = others + given_
    random.shuffle(mixed)  # type: ignore[attr-defined]
    rest, found = split_query("&".join(mixed))
    assert rest == "&".join(part for part in mixed if not part.startswith("sim-"))
    assert found == knobs


@pytest.mark.parametrize(
    ("value", "text"), [("1s", "1s"), (5, "5"), (1.5, "1.5"), (True, "yes"), (["split", "reset"], "split,reset")]
)
def test_values_of_json_as_text(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize("value", [None, {"a": 1}, [None]])
def test_what_is_no_text(value: object) -> None:
    with pytest.raises(ValueError, match="text or a number"):
        as_text(value)


def test_the_documentation_names_every_knob() -> None:
    text = (Path(__file__).parent.parent / "docs" / "knobs.md").read_text()
    for name in VOCABULARY:
        assert f"`{name}" in text
