"""The JSON Schema (2020-12) of the configuration file, for editors: ``oagw-tornado rules schema``."""

from __future__ import annotations

from typing import Any

from oagw_tornado.config.options import OPTIONS, Option
from oagw_tornado.knobs.rule_schema import RULE, UPSTREAM


def file_schema() -> dict[str, Any]:
    """The schema of a whole file: options by their names, upstreams, rules."""
    rule = {"type": "object", "properties": RULE, "additionalProperties": False}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The configuration file of oagw-tornado",
        "type": "object",
        "properties": {
            **{option.name: _option(option) for option in OPTIONS.values()},
            "upstreams": {"type": "object", "additionalProperties": UPSTREAM},
            "rules": {"type": "array", "items": rule},
        },
        "additionalProperties": False,
    }


def _option(option: Option) -> dict[str, Any]:
    value: dict[str, Any] = {"type": ["string", "number", "boolean"]}
    if option.is_repeatable:
        value = {"anyOf": [value, {"type": "array", "items": value}]}
    return {**value, "description": option.help}
