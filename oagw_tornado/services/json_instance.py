"""From a JSON schema to a value that it accepts: always the same one, in bounded work.

The values of structured outputs and tool calls are made here. The vocabulary is that of JSON Schema (2020-12, and the
equivalents in earlier drafts and OpenAPI): types, enum, const, objects, arrays, numbers, strings with format or
pattern, local references, allOf, anyOf, oneOf. A reference is followed at most once on the way down, which loses
nothing: a value of minimal depth never needs it twice. ``not``, ``if`` and other exclusions are ignored.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import orjson

from oagw_tornado.services.pattern_text import UnsupportedSchema, text_and_steps
from oagw_tornado.services.schema_numbers import integer_for, is_number, number_for
from oagw_tornado.units.documents import quoted

MAX_DEPTH = 40
#: OpenAI takes as many properties (https://platform.openai.com/docs/guides/structured-outputs).
MAX_VALUES = 5_000
#: Characters of the value as JSON, about.
MAX_CHARACTERS = 256 * 2**10
#: Half a microsecond each: a value, its schema not plain, takes six, one more schema that is merged eight, each entry
#: that is copied one, each step of a pattern ten.
MAX_WORK = 20_000

_VALUE, _MERGE, _STEP = 6, 8, 10

# Keywords that leave a type unrestricted.
_ANNOTATIONS = frozenset(("type", "title", "description", "default", "examples", "deprecated", "$comment"))

FORMATS = {
    "date-time": "2024-01-01T00:00:00Z",
    "date": "2024-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "user@example.com",
    "idn-email": "user@example.com",
    "hostname": "example.com",
    "idn-hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.com/",
    "uri-reference": "https://example.com/",
    "iri": "https://example.com/",
    "url": "https://example.com/",
    "json-pointer": "/pointer",
    "regex": ".*",
}


def instance_of(schema: Any) -> Any:
    """A value that `schema` accepts. Raises UnsupportedSchema."""
    try:
        return _Maker(schema).make(schema, "text", 0, 0, frozenset())
    except UnsupportedSchema:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
        # Each keyword may have any value: {"multipleOf": ""}, {"minLength": []}.
        raise UnsupportedSchema("a keyword of the schema has a value that is not of its type") from None


class _Maker:
    def __init__(self, root: Any) -> None:
        self.root = root
        self.values = 0
        self.characters = 0
        self.work = 0
        self.texts: dict[tuple[str, int], str] = {}
        self.by_type: Mapping[str, Callable[..., Any]] = {
            "object": self.object,
            "array": self.array,
            "string": self.string,
            "integer": integer_for,
            "number": number_for,
            "boolean": lambda schema, name, index, *rest: index % 2 == 0,
            "null": lambda *rest: None,
        }

    def spend(self, work: int) -> None:
        self.work += work
        if self.work > MAX_WORK:
            raise UnsupportedSchema("the schema is too large or too deep")

    def written(self, value: Any) -> Any:
        """`value`, whose characters are counted."""
        if isinstance(value, str):
            self.characters += len(value)
        elif isinstance(value, (dict, list)):
            self.characters += _written_size(value)
        elif isinstance(value, int):
            self.characters += value.bit_length() // 3
        if self.characters > MAX_CHARACTERS:
            raise UnsupportedSchema(f"the value would have more than {MAX_CHARACTERS} characters")
        return value

    def make(self, schema: Any, name: str, index: int, depth: int, followed: frozenset[str]) -> Any:
        """A value for `schema`, called `name`, another one for each `index` where the schema leaves a choice."""
        self.values += 1
        if self.values > MAX_VALUES or depth > MAX_DEPTH:
            raise UnsupportedSchema("the schema is too large or too deep")
        if schema is True:
            return self.written(name)
        if not isinstance(schema, dict):
            raise UnsupportedSchema(f"a schema is an object: {quoted(schema)}")
        if schema.keys() <= _ANNOTATIONS and schema.get("type") == "string":  # most properties of most schemas
            return self.written((f"{name}{index}" if index else name) or "text")
        self.spend(_VALUE)

        reference = schema.get("$ref")
        if isinstance(reference, str):
            if reference in followed:
                raise UnsupportedSchema(f"{reference} refers to itself without end")
            rest = {key: value for key, value in schema.items() if key != "$ref"}
            schema = self.merged(rest, self.resolve(reference))
            return self.make(schema, name, index, depth + 1, followed | {reference})
        if "const" in schema:
            return self.written(schema["const"])
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self.written(schema["enum"][index % len(schema["enum"])])
        for key in ("allOf", "anyOf", "oneOf"):
            if isinstance(schema.get(key), list) and schema[key]:
                return self.combined(schema, key, name, index, depth, followed)
        return self.typed(schema, name, index, depth, followed)

    def resolve(self, reference: str) -> Any:
        """What a local reference (RFC 6901, as the fragment of a URI) points to."""
        if not reference.startswith("#"):
            raise UnsupportedSchema(f"{reference} is not within the schema")
        target = self.root
        for part in reference[1:].split("/")[1:]:
            part = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and part.isdigit() and int(part) < len(target):
                target = target[int(part)]
            elif isinstance(target, dict) and part in target:
                target = target[part]
            else:
                raise UnsupportedSchema(f"{reference} points to nothing")
        return target

    def combined(
        self, schema: dict[str, Any], key: str, name: str, index: int, depth: int, followed: frozenset[str]
    ) -> Any:
        base = {other: value for other, value in schema.items() if other != key}
        if key == "allOf":
            for part in schema[key]:
                self.spend(_MERGE)
                reference = part.get("$ref") if isinstance(part, dict) else None
                if isinstance(reference, str):
                    if reference in followed:
                        raise UnsupportedSchema(f"{reference} refers to itself without end")
                    followed |= {reference}
                    part = self.merged({k: v for k, v in part.items() if k != "$ref"}, self.resolve(reference))
                base = self.merged(base, part)
            return self.make(base, name, index, depth + 1, followed)
        return self.first_possible(
            (self.merged(base, alternative) for alternative in schema[key]), name, index, depth, followed
        )

    def typed(self, schema: dict[str, Any], name: str, index: int, depth: int, followed: frozenset[str]) -> Any:
        kind = schema.get("type")
        if isinstance(kind, list):
            self.spend(len(kind))
            alternatives = ({**schema, "type": one} for one in sorted(kind, key=lambda one: one == "null"))
            return self.first_possible(alternatives, name, index, depth, followed)
        if kind is None:
            kind = _implied_type(schema)
        make = self.by_type.get(kind) if isinstance(kind, str) else None
        if make is None:
            raise UnsupportedSchema(f"{quoted(kind)} is not a type")
        if kind == "number":
            self.spend(_VALUE)
        value = make(schema, name, index, depth, followed)
        return value if kind in ("object", "array") else self.written(value)

    def first_possible(
        self, schemas: Iterable[Any], name: str, index: int, depth: int, followed: frozenset[str]
    ) -> Any:
        reason = UnsupportedSchema("no alternative is possible")
        for schema in schemas:
            self.spend(_MERGE)
            try:
                return self.make(schema, name, index, depth + 1, followed)
            except UnsupportedSchema as error:
                reason = error
        raise reason

    def object(
        self, schema: dict[str, Any], name: str, index: int, depth: int, followed: frozenset[str]
    ) -> dict[str, Any]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        self.spend(len(properties) + len(schema.get("required") or ()) // 4)
        required = dict.fromkeys(key for key in schema.get("required") or () if isinstance(key, str))
        additional = schema.get("additionalProperties", True)
        value: dict[str, Any] = {}
        for key in [*properties, *(key for key in required if key not in properties)]:
            part = properties.get(key, additional or True)
            self.written(key)
            try:
                value[key] = self.make(part, key, index, depth + 1, followed)
            except UnsupportedSchema:
                if key in required:
                    raise
        for key in [key for key in value if key not in required]:
            if len(value) > _limit(schema, "maxProperties"):
                del value[key]
        for number in range(_count(schema, "minProperties") - len(value)):
            value[f"key{number}"] = self.make(additional or True, "value", number, depth + 1, followed)
        return value

    def array(self, schema: dict[str, Any], name: str, index: int, depth: int, followed: frozenset[str]) -> list[Any]:
        first, rest = schema.get("prefixItems"), schema.get("items", True)
        if isinstance(rest, list):  # as drafts before 2020-12 write it
            first, rest = rest, schema.get("additionalItems", True)
        first = first if isinstance(first, list) else []
        contains = schema.get("contains")
        if contains is not None and "items" not in schema:
            rest = contains
        least = max(_count(schema, "minItems"), _count(schema, "minContains") if contains is not None else 0)
        most = _limit(schema, "maxItems")
        value: list[Any] = []
        for number in range(int(min(most, max(least, len(first), 1 if rest is not False else 0)))):
            part = first[number] if number < len(first) else rest
            try:
                value.append(self.make(part, name, index + number, depth + 1, followed))
            except UnsupportedSchema:
                if number < least:
                    raise
                break
        return value

    def string(self, schema: dict[str, Any], name: str, index: int, *rest: Any) -> str:
        least, most = _count(schema, "minLength"), _limit(schema, "maxLength")
        if isinstance(schema.get("pattern"), str):
            value = self.text(schema["pattern"], least)
        else:
            known = FORMATS.get(schema["format"]) if isinstance(schema.get("format"), str) else None
            value = known or (f"{name}{index}" if index else name) or "text"
            if len(value) < least:
                value = (value + " ") * (least // len(value) + 1)
                value = value[:least].rstrip().ljust(least, ".")
            value = value[: int(min(most, len(value)))]
        if not least <= len(value) <= most:
            raise UnsupportedSchema("no string of such a length fits the pattern")
        return value

    def text(self, pattern: str, least: int) -> str:
        known = self.texts.get((pattern, least))
        if known is None:
            self.spend(_STEP * len(pattern))
            known, steps = text_and_steps(pattern, least, (MAX_WORK - self.work) // _STEP)
            self.spend(_STEP * steps)
            self.texts[pattern, least] = known
        return known

    def merged(self, one: Any, other: Any) -> Any:
        """A schema that asks for what both ask for, as far as one object can say it."""
        if one is True or one == {}:
            return other
        if other is True or other == {}:
            return one
        if not isinstance(one, dict) or not isinstance(other, dict):
            return False
        self.spend(_MERGE + len(one) + len(other))
        merged = {**one, **other}
        for key in one.keys() & other.keys():
            a, b = one[key], other[key]
            if key == "properties" and isinstance(a, dict) and isinstance(b, dict):
                self.spend(len(a) + len(b))
                merged[key] = {**a, **{name: self.merged(a.get(name, True), part) for name, part in b.items()}}
            elif key == "required" and isinstance(a, list) and isinstance(b, list):
                self.spend(len(a) + len(b))
                merged[key] = list(dict.fromkeys(name for name in a + b if isinstance(name, str)))
            elif key == "enum" and isinstance(a, list) and isinstance(b, list):
                self.spend(4 * (len(a) + len(b)))
                allowed = set(map(_hashable, b))
                merged[key] = [value for value in a if _hashable(value) in allowed]
            elif key in ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"):
                merged[key] = max(a, b) if is_number(a) and is_number(b) else b
            elif key in ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"):
                merged[key] = min(a, b) if is_number(a) and is_number(b) else b
            elif key == "allOf" and isinstance(a, list) and isinstance(b, list):
                self.spend(len(a) + len(b))
                merged[key] = a + b
            elif key in ("anyOf", "oneOf"):
                merged[key] = a
                merged["allOf"] = [*(merged.get("allOf") or ()), {key: b}]
        return merged


def _implied_type(schema: Mapping[str, Any]) -> str:
    for kind, keys in (
        ("object", ("properties", "required", "additionalProperties", "minProperties")),
        ("array", ("items", "prefixItems", "minItems", "contains")),
        ("number", ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")),
    ):
        if any(key in schema for key in keys):
            return kind
    return "string"


def _written_size(value: Any) -> int:
    try:
        return len(orjson.dumps(value))
    except TypeError:  # an integer beyond 64 bits
        return len(json.dumps(value))


def _hashable(value: Any) -> Any:
    """Equal for values of JSON that are equal."""
    return json.dumps(value, sort_keys=True) if isinstance(value, (dict, list)) else value


def _count(schema: Mapping[str, Any], key: str) -> int:
    value = schema.get(key, 1 if key == "minContains" else 0)
    if not is_number(value) or not 0 <= value <= MAX_VALUES:
        raise UnsupportedSchema(f"{key} is not a number from 0 to {MAX_VALUES}")
    return math.ceil(float(value))


def _limit(schema: Mapping[str, Any], key: str) -> float:
    value = schema.get(key)
    return math.inf if value is None or not is_number(value) else max(0, value)
