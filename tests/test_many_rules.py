"""Many rules at one place are told apart by the texts they want: what applies, counts and comes near is the same."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.knobs import rule_index
from oagw_tornado.knobs.facts import Facts
from oagw_tornado.knobs.rules import Applied, Rules, finished
from oagw_tornado.knobs.text_index import TextIndex
from oagw_tornado.reply.conversation import Conversation, Message
from oagw_tornado.units.globs import Glob, folded

LETTERS = "abKs\u212a\u017f\u0130\u0131\u00e9\u00c9\u4e2d"
TEXTS = st.text(LETTERS, max_size=9)
GLOBS = st.text(f"{LETTERS}*?[]!", max_size=7)
MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "last-message": GLOBS,
        "system": GLOBS,
        "any-message": GLOBS,
        "model": GLOBS,
        "turn": st.sampled_from([1, 2, "2-"]),
        "header": st.fixed_dictionaries({"x-a": GLOBS}),
        "query": st.fixed_dictionaries({"q": GLOBS}),
    },
)
RULES = st.fixed_dictionaries(
    {"match": MATCHES, "latency": st.just("1ms")}, optional={"when": st.fixed_dictionaries({"first": st.just(1)})}
)


def facts(texts: list[str], system: str, word: str) -> Facts:
    roles = ("user", "assistant")
    messages = tuple(Message(roles[number % 2], text) for number, text in enumerate(texts))
    talk = Conversation(dialect="chat", model="m", system=system, messages=messages, texts=tuple(texts))
    body = json.dumps({"model": word}).encode()
    return Facts("openai", "v1", "POST", {"x-a": word} if word else {}, body, f"q={system}", lambda: talk)


def outcomes(documents: list[Any], requests: list[Facts]) -> list[Any]:
    rules = Rules(documents)
    applied: list[Applied] = [rules.apply(request, lambda rule: Random(1)) for request in requests]
    told = [(each.rule and each.rule.name, each.nearest) for each in applied]
    return [*told, [(rule.fitted, rule.applied) for rule in rules.list]]


@given(
    st.lists(RULES, min_size=1, max_size=12),
    st.lists(st.tuples(st.lists(TEXTS, max_size=3), TEXTS, TEXTS), min_size=1, max_size=3),
)
def test_what_is_looked_up_is_what_is_tried_one_by_one(documents: list[Any], requests: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        seen = []
        for many in (1, 10**6):
            patch.setattr(rule_index, "MANY_RULES", many)
            seen.append(outcomes(documents, [facts(*request) for request in requests]))
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("glob", "texts"),
    [
        ("*Weather*in Oslo?", ["weather", "in oslo"]),
        ("a[!b]c", ["a", "c"]),
        ("a[]b]c", ["a", "c"]),
        ("a[b", ["a[b"]),
        ("a\u00e9b\u4e2d", ["a\u00e9b\u4e2d"]),
        ("**", []),
        ("", []),
    ],
)
def test_literals_of_a_glob(glob: str, texts: list[str]) -> None:
    assert Glob(glob, any_case=True).literals == tuple(sorted(texts, key=len, reverse=True))


def test_letters_that_are_the_same_without_case() -> None:
    assert folded("\u212aelvin Ma\u017f\u017f \u0130\u0131") == "kelvin mass ii"


def test_few_of_a_thousand_rules_are_tried() -> None:
    rules = Rules([{"match": {"last-message": f"*question {number} please*"}} for number in range(1000)])
    request = facts(["Question 117, please: or question 17 please"], "", "")
    assert len(set(finished(TextIndex(rules.list).finding(request)))) < 30
    applied = rules.apply(request, lambda rule: Random(1))
    assert applied.rule is not None
    assert applied.rule.name == "rule-18"
    assert [miss.rule for miss in applied.nearest] == ["rule-1", "rule-2", "rule-3"]
    assert {miss.saw for miss in applied.nearest} == {"Question 117, please: or question 17 please"}


def test_rules_that_come_as_near_are_told_in_their_order() -> None:
    """Four and more of them once were compared with each other."""
    turns = [{"match": {"turn": turn, "last-message": "x", "system": "y"}} for turn in (2, 2, 2, 1, 1, 1, 1)]
    applied = Rules([*turns, {"match": {"turn": 1, "last-message": "a", "system": "z"}}]).apply(
        facts(["a"], "", ""), lambda rule: Random(1)
    )
    assert [(miss.rule, miss.predicate) for miss in applied.nearest] == [
        ("rule-8", "system"),
        ("rule-4", "last-message"),
        ("rule-5", "last-message"),
    ]
