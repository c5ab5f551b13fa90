"""From a schema to a value: whatever schema comes, the value is accepted by a validator that we did not write."""

from __future__ import annotations

import json
import re
import time

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from oagw_tornado.services.json_instance import MAX_CHARACTERS, instance_of
from oagw_tornado.services.pattern_text import UnsupportedSchema, text_for_pattern


class Leaf(BaseModel):
    kind: str = Field(pattern=r"^[a-z]{3}-\d+$")
    weight: float = Field(gt=0, lt=1)


class Tree(BaseModel):
    leaf: Leaf | None
    children: list[Tree] = Field(max_length=5)
    parent: Tree | None
    labels: dict[str, int]
    pair: tuple[int, str]


def bounded(kind, values, low, high):
    """Schemas with a lower bound, an upper one, or both in their order."""
    return st.builds(
        lambda a, b, with_low, with_high: {
            "type": kind,
            **({low: min(a, b)} if with_low else {}),
            **({high: max(a, b)} if with_high else {}),
        },
        values,
        values,
        st.booleans(),
        st.booleans(),
    )


SCALARS = (
    st.sampled_from([{"type": "null"}, {"type": "boolean"}, {}, True, {"type": ["null", "integer"]}])
    | st.sampled_from(["date-time", "date", "email", "uuid", "ipv4", "unknown"]).map(
        lambda name: {"type": "string", "format": name}
    )
    | bounded("string", st.integers(0, 40), "minLength", "maxLength")
    | bounded("integer", st.integers(-50, 50), "minimum", "maximum")
    | bounded("number", st.floats(-50, 50), "minimum", "maximum")
    | st.integers(1, 20).map(lambda step: {"type": "integer", "multipleOf": step, "minimum": -3})
    | st.lists(st.integers() | st.text(), min_size=1, max_size=3).map(lambda values: {"enum": values})
    | (st.integers() | st.text()).map(lambda value: {"const": value})
)


def compound(inner):
    names = st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=3)
    properties = st.dictionaries(names, inner, max_size=4)
    return (
        st.builds(
            lambda parts, some, closed: {
                "type": "object",
                "properties": parts,
                "required": sorted(parts)[:some],
                **({"additionalProperties": False} if closed else {}),
            },
            properties,
            st.integers(0, 4),
            st.booleans(),
        )
        | st.builds(
            lambda items, least, more: {"type": "array", "items": items, "minItems": least, "maxItems": least + more},
            inner,
            st.integers(0, 3),
            st.integers(0, 3),
        )
        | st.lists(inner, min_size=1, max_size=3).map(lambda each: {"anyOf": each})
        | inner.map(lambda one: {"$defs": {"one": one}, "allOf": [one]})
    )


@given(st.recursive(SCALARS, compound, max_leaves=8))
def test_the_value_is_accepted(schema):
    jsonschema.Draft202012Validator(schema).validate(instance_of(schema))


@given(st.recursive(SCALARS, compound, max_leaves=8))
def test_the_same_schema_gives_the_same_value(schema):
    assert instance_of(schema) == instance_of(schema)


@pytest.mark.parametrize("model", [Leaf, Tree])
def test_pydantic_models(model):
    model.model_validate(instance_of(model.model_json_schema()))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "string"}, "minItems": 4, "uniqueItems": True},
        {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "items": {"type": "integer", "minimum": 7}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "contains": {"const": 5}, "minContains": 2},
        {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 3},
        {"type": "object", "properties": {"a": {}, "b": {}}, "maxProperties": 1},
        {"type": "string", "pattern": "^(foo|bar)+$", "minLength": 10},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1e-9},
        {"properties": {"a": {"$ref": "#/$defs/x%20y"}}, "required": ["a"], "$defs": {"x y": {"type": "integer"}}},
        {"allOf": [{"required": ["a"]}, {"properties": {"a": {"minimum": 5}}}, {"properties": {"a": {"maximum": 6}}}]},
        {"oneOf": [{"type": "array", "items": {"$ref": "#"}, "minItems": 1}, {"type": "null"}]},
        {"type": "array", "prefixItems": [{"type": "integer"}], "items": False},
    ],
)
def test_what_the_grammar_allows(schema):
    jsonschema.Draft202012Validator(schema).validate(instance_of(schema))


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "https://example.com/schema"},
        {"$ref": "#/nowhere"},
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"type": "thing"},
        {"type": "string", "pattern": "(?=a)b"},
        {"type": "string", "pattern": "("},
        {"type": "string", "pattern": "^a$", "minLength": 3},
        {"type": "array", "items": {}, "minItems": 10**12},
        {"type": "array", "items": {"type": "array", "items": {}, "minItems": 1000}, "minItems": 1000},
        {"properties": {"a": False}, "required": ["a"]},
        "no schema",
    ],
)
def test_what_cannot_be_made_is_refused_in_bounded_work(schema):
    with pytest.raises(UnsupportedSchema):
        instance_of(schema)


NAMES = [f"name{number}" for number in range(9000)]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "string", "minLength": 4000}, "minItems": 9000},
        {"type": "array", "items": {"const": "x" * 10_000}, "minItems": 9000},
        {"type": "array", "items": {"enum": [["x" * 10_000]]}, "minItems": 9000},
        {"type": "array", "items": {"properties": {"k" * 10_000: True}}, "minItems": 4000},
        {"type": "array", "items": {"type": "integer", "multipleOf": int("9" * 4000)}, "minItems": 9000},
        {"properties": {name: {"type": "string", "pattern": f"((({name}){{9}}){{9}}){{9}}"} for name in NAMES}},
        {"allOf": [{"properties": {name: {"type": "integer"}}} for name in NAMES]},
        {"allOf": [{"required": NAMES[start : start + 500]} for start in range(0, 8000, 100)]},
        {"required": NAMES, "properties": dict.fromkeys(NAMES, True)},
        {"allOf": [{"enum": list(range(20_000))}, {"enum": [[]] * 20_000}]},
        {"type": "string", "pattern": "(a{1000}){1000}"},
        {"type": "string", "pattern": "a?" * 100_000},
    ],
    ids=range(12),
)
def test_its_work_and_its_size_are_bounded(schema):
    begun = time.thread_time()
    try:
        value = instance_of(schema)
    except UnsupportedSchema:
        value = None
    # Of 20 ms on a quiet machine; without bounds most of these took a second or more.
    assert time.thread_time() - begun < 0.2
    assert len(json.dumps(value)) < 2 * MAX_CHARACTERS


def test_a_schema_as_deep_as_json_goes_is_refused():
    schema: dict = {"type": "integer"}
    for _ in range(500):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    with pytest.raises(UnsupportedSchema):
        instance_of(schema)


@given(
    st.recursive(
        st.sampled_from(["a", r"\d", r"\w", r"[^a-z]", "[x-z5]", ".", r"\.", r"\S", "é"]),
        lambda part: (
            st.tuples(part, part).map("".join)
            | st.tuples(part, part).map(lambda two: f"({two[0]}|{two[1]})")
            | part.flatmap(lambda one: st.sampled_from([f"({one})*", f"({one})+?", f"(?:{one}){{2,3}}", f"({one})?"]))
        ),
        max_leaves=6,
    )
)
def test_a_pattern_matches_the_text_made_for_it(pattern):
    assert re.fullmatch(pattern, text_for_pattern(pattern))
