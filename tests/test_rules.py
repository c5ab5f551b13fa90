"""Rules: what fits, when it applies, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.knobs.facts import Facts
from oagw_tornado.knobs.match import MATCH_KEYS
from oagw_tornado.knobs.predicate import RuleError
from oagw_tornado.knobs.rule import Rule
from oagw_tornado.knobs.rules import LARGEST_RULES, MOST_RULES, Rules
from oagw_tornado.knobs.vocabulary import VOCABULARY, Knobs
from oagw_tornado.knobs.when import When
from oagw_tornado.units.latency import Fixed


def facts(
    alias: str = "openai",
    path: str = "v1/chat/completions",
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    body: bytes = b'{"model":"gpt-4o","messages":[]}',
) -> Facts:
    return Facts(alias, path, method, headers or {}, body)


def never(rule: Rule) -> Random:
    raise AssertionError("no die is thrown here")


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({}, True),
        ({"alias": "openai"}, True),
        ({"alias": "OpenAI"}, False),
        ({"alias": ["github", "openai"]}, True),
        ({"path": "v1/chat/completions"}, True),
        ({"path": "/v1/chat/completions"}, True),
        ({"path": "v1/*"}, True),
        ({"path": "v1/c?at/*"}, True),
        ({"path": "v1"}, False),
        ({"path": "*/completion"}, False),
        ({"method": "post"}, True),
        ({"method": ["GET", "PUT"]}, False),
        ({"header": {"x-team": "a*"}}, True),
        ({"header": {"X-Team": "*"}}, True),
        ({"header": {"X-Team": "b*"}}, False),
        ({"header": {"X-Other": "*"}}, False),
        ({"header": {"X-Team": "*", "X-Other": "*"}}, False),
        ({"body": '"model":"gpt'}, True),
        ({"body": "hello"}, False),
        ({"model": "gpt-4*"}, True),
        ({"model": "gpt-3*"}, False),
        ({"alias": "openai", "model": "gpt-3*"}, False),
    ],
)
def test_every_part_of_a_match_must_fit(match: dict[str, Any], fits: bool) -> None:
    from tornado.httputil import HTTPHeaders

    rules = Rules([{"match": match, "latency": "1s"}])
    found = rules.apply(facts(headers=HTTPHeaders({"X-Team": "alpha"})), never).rule
    assert (found is not None) == fits


@pytest.mark.parametrize("body", [b"", b"{", b'["model"]', b'{"model":5}', b"\xff\xfe", b'{"mode":"x"}'])
def test_a_body_without_a_model_has_none(body: bytes) -> None:
    assert facts(body=body).model == ""


def applied(when: dict[str, Any], requests: int, seed: int = 1) -> list[int]:
    """Which of so many requests, from 1, a rule applies to."""
    rules, random = Rules([{"when": when, "fault": "reset"}]), Random(seed)
    return [number for number in range(1, requests + 1) if rules.apply(facts(), lambda rule: random).rule]


def test_counting() -> None:
    assert applied({"first": 2}, 6) == [1, 2]
    assert applied({"after": 4}, 6) == [5, 6]
    assert applied({"every": 3}, 10) == [3, 6, 9]
    assert applied({"after": 2, "first": 3}, 9) == [3, 4, 5]
    assert applied({"after": 1, "every": 2, "first": 4}, 9) == [3, 5]
    assert applied({"probability": 0}, 9) == []
    assert applied({"probability": 1}, 3) == [1, 2, 3]
    assert applied({"first": 0}, 3) == []
    assert len(applied({"probability": 0.3}, 10_000)) == pytest.approx(3000, rel=0.05)


@given(st.integers(0, 5), st.none() | st.integers(0, 9), st.integers(1, 4), st.integers(1, 40))
def test_counting_against_a_plain_list(after: int, first: int | None, every: int, number: int) -> None:
    left = list(range(1, 41))[after:]
    left = left if first is None else left[:first]
    expected = number in left[every - 1 :: every]
    assert When(1.0, first, every, after).holds(number, lambda: 0.5) == expected


def test_the_first_rule_that_applies_wins() -> None:
    rules = Rules(
        [
            {"name": "twice", "when": {"first": 2}, "fault": "status;code=429"},
            {"name": "github", "match": {"alias": "github"}, "latency": "1s"},
            {"name": "rest", "latency": "5ms"},
        ]
    )
    names = [rule.name for _ in range(4) if (rule := rules.apply(facts(), never).rule)]
    assert names == ["twice", "twice", "rest", "rest"]
    # Counted are the requests that a rule was asked about and that fit it.
    assert [(rule.fitted, rule.applied) for rule in rules.list] == [(4, 2), (0, 0), (2, 2)]


def test_a_rule_is_laid_over_the_knobs_of_the_server_as_they_are() -> None:
    (rule,) = Rules([{"latency": "1s", "output-tokens": 5, "fault": ["split", "reset;at-event=2"]}]).list
    one, other = Knobs(seed=1), Knobs(seed=2)
    assert rule.over(one).latency == Fixed(1.0)
    assert rule.over(one).output_tokens == 5
    assert str(rule.over(one).fault) == "split,reset;at-event=2"
    assert (rule.over(one).seed, rule.over(other).seed) == (1, 2)
    assert rule.over(other) is rule.over(other)


def test_a_rule_says_who_is_to_blame() -> None:
    (rule,) = Rules([{"source": "gateway", "fault": "status;code=502"}]).list
    assert rule.over(Knobs()).source == "gateway"


def test_rules_have_names() -> None:
    rules = Rules([{"latency": "1s"}, {"name": "mine"}])
    assert rules.add({"latency": "1s"}).name == "rule-3"
    assert [rule.name for rule in rules.list] == ["rule-1", "mine", "rule-3"]
    assert rules.remove("rule-1")
    assert not rules.remove("rule-1")
    assert rules.find("rule-1") is None
    assert rules.add({}).name == "rule-4"
    with pytest.raises(RuleError, match="mine"):
        rules.add({"name": "mine"})


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ("reset", "expected an object"),
        ({"falt": "reset"}, "falt: no such key"),
        ({"match": []}, "match: expected an object"),
        ({"match": {"aliass": "x"}}, "match.aliass: no such key; expected alias, path"),
        ({"match": {"alias": 5}}, "match.alias: expected a text"),
        ({"match": {"alias": []}}, "match.alias"),
        ({"match": {"path": ["x"]}}, "match.path"),
        ({"match": {"header": "x"}}, "match.header"),
        ({"match": {"header": {"x": 1}}}, "match.header.x"),
        ({"match": {"body": 1}}, "match.body"),
        ({"when": {"firs": 1}}, "when.firs: no such key"),
        ({"when": {"first": -1}}, "when.first"),
        ({"when": {"first": True}}, "when.first"),
        ({"when": {"every": 0}}, "when.every"),
        ({"when": {"probability": 1.5}}, "when.probability"),
        ({"when": {"probability": "1"}}, "when.probability"),
        ({"when": 5}, "when: expected an object"),
        ({"source": "me"}, "source: expected upstream or gateway"),
        ({"name": "a b"}, "name"),
        ({"fault": "rest"}, "fault: 'rest'"),
        ({"latency": None}, "latency: expected a text or a number"),
        ({"latency": {"a": 1}}, "latency"),
        ({"itl": "1ms", "inter-token-latency": "1ms"}, "another form"),
    ],
)
def test_what_is_no_rule_is_refused_by_the_key(document: Any, hint: str) -> None:
    with pytest.raises(RuleError) as caught:
        Rules().add(document)
    assert hint in str(caught.value)


def test_replacing_is_all_or_nothing() -> None:
    rules = Rules([{"name": "old"}])
    with pytest.raises(RuleError):
        rules.replace([{"name": "new"}, {"fault": "rest"}])
    with pytest.raises(RuleError, match="another rule is called"):
        rules.replace([{"name": "a"}, {"name": "a"}])
    assert [rule.name for rule in rules.list] == ["old"]


def test_rules_are_bounded() -> None:
    with pytest.raises(RuleError, match="at most"):
        Rules([{}] * (MOST_RULES + 1))
    rules = Rules([{}] * MOST_RULES)
    with pytest.raises(RuleError, match="at most"):
        rules.add({})


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=8)
            | st.sampled_from(["match", "when", "name", "source", *MATCH_KEYS, *VOCABULARY, "first"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(json)
def test_no_document_breaks_it(document: Any) -> None:
    rules = Rules()
    try:
        rule = rules.add(document)
    except RuleError as error:
        assert str(error)
    else:
        rule.over(Knobs())
        rules.apply(facts(), lambda rule: Random(1))
        assert rule.as_json()["name"] == rule.name


# Errors that name the rule, and bounds.

ALIASES = ("openai", "github")


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ({"latnecy": "1s"}, "(did you mean latency?)"),
        (
            {"match": {"modle": "x"}},
            "match.modle: no such key; expected alias, path, method, header, query, body, model, stream",
        ),
        ({"match": {"modle": "x"}}, "(did you mean model?)"),
        ({"when": {"frist": 1}}, "(did you mean first?)"),
        (
            {"match": {"alias": "opnai"}},
            "match.alias: no upstream 'opnai'; expected openai, github (did you mean openai?)",
        ),
        ({"match": {"alias": ["github", "OpenAI"]}}, "no upstream 'OpenAI'"),
        ({"latency": [["1s"]]}, "latency: expected a text or a number"),
        ({"match": {"header": {f"x-{n}": "*" for n in range(101)}}}, "match.header: expected at most 100"),
        ({"match": {"path": "x" * 1001}}, "match.path: expected a text of at most 1000 characters"),
        ({"match": {"body": "x" * 5_000_000}}, "rules: expected at most 4194304 bytes"),
    ],
)
def test_what_is_wrong_is_named_with_what_may_have_been_meant(document: Any, hint: str) -> None:
    with pytest.raises(RuleError) as caught:
        Rules((), ALIASES).add(document)
    assert hint in str(caught.value)
    with pytest.raises(RuleError) as caught:
        Rules((), ALIASES).replace([{}, {"name": "mine", **document}])
    assert str(caught.value).startswith("mine: ")
    with pytest.raises(RuleError) as caught:
        Rules([{}, document], ALIASES, ["line 2", "line 7"])
    assert str(caught.value).startswith("line 7: rule-2: ")
    assert hint in str(caught.value)


def test_all_rules_together_are_bounded_in_bytes() -> None:
    large = {"match": {"body": "x" * (LARGEST_RULES // 4)}}
    rules = Rules([large] * 3)
    with pytest.raises(RuleError, match="bytes"):
        rules.add(large)
    with pytest.raises(RuleError, match="rule-4"):
        rules.replace([large] * 4)
    rules.remove("rule-1")
    rules.add(large)


def test_rules_are_read_a_step_at_a_time_and_hold_with_the_last() -> None:
    rules = Rules([{"name": "old"}])
    steps = rules.replacing([{}] * 3)
    for _ in range(3):
        next(steps)
        assert [rule.name for rule in rules.list] == ["old"]
    assert list(steps) == []
    assert len(rules.list) == 3


def test_reset_brings_back_the_first_rules_with_no_count() -> None:
    rules = Rules([{"name": "first"}])
    rules.apply(facts(), never)
    rules.add({})
    assert (rules.list[0].fitted, rules.list[0].applied) == (1, 1)
    rules.replace([])
    rules.reset()
    assert [(rule.name, rule.fitted, rule.applied) for rule in rules.list] == [("first", 0, 0)]
    assert rules.add({}).name == "rule-2"
