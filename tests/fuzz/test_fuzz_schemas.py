"""JSON schemas and documents: any of them gives a value that the schema accepts, or one error, in bounded work."""

from __future__ import annotations

import json as text_of
from typing import Any

from fuzz_budget import budget
from hypothesis import given
from hypothesis import strategies as st

from oagw_tornado.services.json_instance import instance_of
from oagw_tornado.services.pattern_text import UnsupportedSchema, text_for_pattern
from oagw_tornado.units.documents import DocumentError, read_json

words = st.text("ab$/#~1", max_size=4)
leaves = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | words
KEYS = [
    "type", "properties", "items", "required", "enum", "const", "$ref", "$defs", "anyOf", "oneOf", "allOf", "minimum",
    "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "format", "additionalProperties",
    "prefixItems", "uniqueItems", "multipleOf", "exclusiveMinimum", "minProperties", "propertyNames", "not",
]  # fmt: skip
schemas = st.recursive(
    leaves | st.sampled_from(["object", "array", "string", "integer", "#", "#/$defs/a", "date-time"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | words, inner, max_size=4),
    max_leaves=25,
)


@budget
@given(schemas)
def test_any_schema_has_a_value_or_an_error(schema: Any) -> None:
    try:
        value = instance_of(schema)
    except UnsupportedSchema as error:
        assert len(str(error)) < 2000
        return
    text_of.dumps(value)
    assert instance_of(schema) == value, "always the same one"


@budget
@given(st.text("ab()[]{}|*+?.^$\\0123456789,dwsDWSPx<>=!:-n", max_size=20))
def test_any_pattern_has_a_text_or_an_error(pattern: str) -> None:
    try:
        assert len(text_for_pattern(pattern)) <= 4096
    except UnsupportedSchema as error:
        assert str(error)


@budget
@given(
    st.binary(max_size=60) | st.text('[]{}",:0123eE+-.truefalsn\\u ', max_size=60).map(str.encode), st.integers(0, 300)
)
def test_any_bytes_are_a_document_or_an_error(text: bytes, depth: int) -> None:
    for body in (text, b"[" * depth + text + b"]" * depth):
        try:
            read_json(body)
        except DocumentError as error:
            assert str(error)
