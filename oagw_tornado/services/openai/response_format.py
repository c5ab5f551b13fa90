"""The requested format of a chat or a response, and the API's error for a schema that no value satisfies."""

from __future__ import annotations

from typing import Any

from oagw_tornado.reply.conversation import ResponseFormat
from oagw_tornado.services.canned import Unanswerable
from oagw_tornado.services.openai.errors import InvalidRequest


def response_format(
    kind: str | None, field: str, schema_field: str, named: tuple[str, dict[str, Any]] | None
) -> ResponseFormat:
    """The format of type `kind` in the request's `field`; `named` is the schema with its name.

    Raises InvalidRequest for an unknown type, and for a missing schema, which would be in `schema_field`.
    """
    if kind is None or kind == "text":
        return ResponseFormat()
    if kind == "json_object":
        return ResponseFormat("json_object")
    if kind != "json_schema":
        raise InvalidRequest(
            f"Invalid value: '{kind}'. Supported values are: 'json_object', 'json_schema', and 'text'.",
            param=f"{field}.type",
            code="invalid_value",
        )
    if named is None:
        raise InvalidRequest(
            f"Missing required parameter: '{schema_field}'.", param=schema_field, code="missing_required_parameter"
        )
    return ResponseFormat("json_schema", *named)


def unanswerable(error: Unanswerable, schema_field: str) -> InvalidRequest:
    """The refusal of a schema that no value conforms to: a tool's, or that of the format in `schema_field`."""
    if error.tool is None:
        return InvalidRequest(f"Invalid schema for response_format '{error.name}': {error}", param=schema_field)
    return InvalidRequest(
        f"Invalid schema for function '{error.name}': {error}", param="tools", code="invalid_function_parameters"
    )
