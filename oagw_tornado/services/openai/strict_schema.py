"""The OpenAI API's requirements for JSON schemas, especially strict ones.

https://platform.openai.com/docs/guides/structured-outputs#supported-schemas. A schema comes from a document of bounded
depth, so it may be walked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from oagw_tornado.services.openai.bounds import quote

# Keywords that a strict schema cannot have.
_NOT_PERMITTED = ("allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas")

_ALL_KEYS = "'required' is required to be supplied and to be an array including every key in properties."

_Path = tuple[str, ...]


def problem_of(schema: dict[str, Any], *, is_strict: bool) -> str | None:
    """The service's objection to `schema`, as its error puts it after the name; None if there is none.

    >>> problem_of({"type": "object", "properties": {}}, is_strict=True)
    "In context=(), 'additionalProperties' is required to be supplied and to be false."
    """
    kind = schema.get("type")
    if kind != "object" and "$ref" not in schema:
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{quote(str(kind))}\"'."
    for path, part in _parts(schema, ()):
        problem = _problem_here(part, is_strict=is_strict)
        if problem is not None:
            return f"In context={path}, {problem}"
    return None


def _problem_here(schema: dict[str, Any], *, is_strict: bool) -> str | None:
    """What is wrong with `schema` itself, not with what is in it."""
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if is_strict:
        for keyword in _NOT_PERMITTED:
            if keyword in schema:
                return f"'{keyword}' is not permitted."
    if "object" in kinds:
        problem = _object_problem(schema) if is_strict else None
        if problem is not None or "properties" in schema or is_strict or "additionalProperties" in schema:
            return problem
        return "object schema missing properties."
    if "array" in kinds and "items" not in schema and "prefixItems" not in schema:
        return "array schema missing items."
    return None


def _object_problem(schema: dict[str, Any]) -> str | None:
    if schema.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    properties, required = schema.get("properties"), schema.get("required")
    keys = properties if isinstance(properties, dict) else {}
    # In order, and quick to look up: a schema may have thousands of keys.
    named = dict.fromkeys(key for key in (required if isinstance(required, list) else ()) if isinstance(key, str))
    missing = next((key for key in keys if key not in named), None)
    if missing is not None:
        return f"{_ALL_KEYS} Missing '{quote(missing)}'."
    extra = next((key for key in named if key not in keys), None)
    return None if extra is None else f"{_ALL_KEYS} Extra required key '{quote(extra)}' supplied."


def _parts(schema: Any, path: _Path) -> Iterator[tuple[_Path, dict[str, Any]]]:
    """All schemas in `schema`, from the outside in, each with its place."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for keyword in ("properties", "$defs", "definitions"):
        named = schema.get(keyword)
        for name, part in named.items() if isinstance(named, dict) else ():
            yield from _parts(part, (*path, keyword, quote(name)))
    for keyword in ("anyOf", "oneOf", "allOf"):
        listed = schema.get(keyword)
        for number, part in enumerate(listed if isinstance(listed, list) else ()):
            yield from _parts(part, (*path, keyword, str(number)))
    yield from _parts(schema.get("items"), (*path, "items"))
