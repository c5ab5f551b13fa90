"""Knobs, rules, filters and files: any text is a value, or one line that names what is wrong."""

from __future__ import annotations

from random import Random
from typing import Any

from fuzz_budget import budget
from hypothesis import example, given
from hypothesis import strategies as st

from oagw_tornado.config.config import Config, change_config, read_config
from oagw_tornado.config.options import OPTIONS
from oagw_tornado.config.settings import ConfigError
from oagw_tornado.evidence.credentials import Disclosure
from oagw_tornado.evidence.request_filter import NAMES, FilterError, RequestFilter
from oagw_tornado.knobs.facts import Facts
from oagw_tornado.knobs.match import MATCH_KEYS
from oagw_tornado.knobs.predicate import RuleError
from oagw_tornado.knobs.rules import Rules
from oagw_tornado.knobs.vocabulary import VOCABULARY, Knobs, read_knobs, split_query
from oagw_tornado.units.knob_errors import KnobError

WORDS = """
    0 1 -1 5 1e9 nan inf ms s us h % . , ; = ( ) / uniform normal lognormal exponential trace @file reset stall truncate
    status split none all at-event after code for bytes burst tokens min day lf crlf é ٣ form event MiB
""".split()  # noqa: SIM905
words = st.lists(st.sampled_from([*WORDS, "9" * 30, " ", "\x00", "\n"]) | st.text(max_size=3), max_size=10).map("".join)
names = st.sampled_from(list(VOCABULARY))


def is_one_line(error: Exception) -> bool:
    return bool(str(error)) and len(str(error)) < 2000


@budget
@given(st.dictionaries(names, words, max_size=3))
@example({"latency": "lognormal(1ms," + "9" * 400 + ")"})
@example({"seed": "٣"})
def test_any_text_is_a_knob_or_an_error_that_names_it(given_: dict[str, str]) -> None:
    try:
        values = read_knobs(given_)
    except KnobError as error:
        assert error.knob in given_
        assert is_one_line(error)
    else:
        knobs = Knobs(**values)
        for latency in (knobs.latency, knobs.inter_token_latency):
            assert 0 <= latency.draw(Random(1)) <= 86_400


@budget
@given(st.lists(st.tuples(st.sampled_from(["sim-seed", "sim-", "x", "sim-fault", "sim%2Dseed"]), words), max_size=5))
def test_a_query_keeps_what_is_no_knob(pairs: list[tuple[str, str]]) -> None:
    query = "&".join(f"{name}={value}".replace("&", "") for name, value in pairs)
    rest, given_ = split_query(query)
    assert rest == "&".join(part for part in query.split("&") if not part.startswith("sim-"))
    assert all(isinstance(value, str) for value in given_.values())


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["match", "when", "name", "source", *MATCH_KEYS, *VOCABULARY, "first", "every"]) | words,
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
rules = st.fixed_dictionaries(
    {},
    optional={
        "match": st.dictionaries(st.sampled_from(MATCH_KEYS), words | st.lists(words, max_size=2) | json, max_size=3),
        "when": st.dictionaries(
            st.sampled_from(["first", "after", "every", "probability"]), st.integers() | json, max_size=2
        ),
        "fault": words,
        "latency": words,
        "name": words,
    },
)


@budget
@given(rules | json, st.binary(max_size=40))
def test_any_document_is_a_rule_or_an_error(document: Any, body: bytes) -> None:
    found = Rules((), ("openai", "github"))
    try:
        rule = found.add(document)
    except RuleError as error:
        assert is_one_line(error)
        return
    found.apply(Facts("openai", "v1/x", "GET", {}, body), lambda rule: Random(1))
    assert rule.as_json()["name"] == rule.name
    assert Rules([rule.document]).list[0].size == rule.size


@budget
@given(st.dictionaries(st.sampled_from(list(OPTIONS)) | words, json, max_size=3))
def test_any_change_is_made_or_refused(changes: dict[str, Any]) -> None:
    try:
        change_config(Config(), changes)
    except ConfigError as error:
        assert is_one_line(error)


PIECES = """
    rules port latency [ ] { } , *a !!set | > ' " # match alias openai 1s 0x null ~ 2024-01-01 1_000
""".split()  # noqa: SIM905
SPACED = [": ", "- ", "\n", "  ", "&a ", "<<: ", "!!int ", "!!binary ", "? ", "---\n", "...\n", "\t", "%YAML 1.1\n"]
yaml = st.lists(st.sampled_from([*PIECES, *SPACED]) | st.text(max_size=3), max_size=30).map("".join)


@budget
@given(yaml)
@example("rules: [&a {match: {header: {x: *a}}}]")
@example("rules:\n- !!set {a}")
def test_any_file_is_a_configuration_or_one_line(text: str) -> None:
    def read_file(path: str) -> str:
        return text

    try:
        read_config(["--config=sim.yaml"], {}, read_file)
    except ConfigError as error:
        assert is_one_line(error)
        assert "\n" not in str(error)


@budget
@given(st.lists(st.tuples(st.sampled_from(NAMES), words), max_size=3))
def test_any_text_is_a_filter_or_an_error(given_: list[tuple[str, str]]) -> None:
    from oagw_tornado.evidence.exchange import Exchange

    exchange = Exchange("id", "GET", "/x", "/x", {"X-Team": "blue"})
    exchange.body_head = b'{"model": "x"}'
    exchange.body_size = len(exchange.body_head)
    fits = RequestFilter(Disclosure())
    try:
        fits.read(given_)
    except FilterError as error:
        assert is_one_line(error)
    else:
        assert fits(exchange) in (True, False)
