"""Builds operations of the OpenAPI document from what differs between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oagw_tornado.control import schemas

Operation = dict[str, Any]


def read(id: str, summary: str, schema: Operation) -> Operation:
    return {"operationId": id, "summary": summary, "responses": {"200": said("Done.", schema)}}


def control(
    id: str,
    summary: str,
    schema: Operation | None,
    *,
    status: int = 200,
    parameters: Sequence[Operation] = (),
    body: Operation | None = None,
    errors: tuple[int, ...] = (),
    also: str = "",
) -> Operation:
    """`also` is a media type in which the reply may come beside JSON."""
    operation: Operation = {
        "operationId": id,
        "summary": summary,
        "security": [{"admin": []}, {}],
        "responses": {str(status): said("Done.", schema), **refusals(errors)},
    }
    if also:
        operation["responses"][str(status)]["content"][also] = {"schema": {"type": "string"}}
    if parameters:
        operation["parameters"] = list(parameters)
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


def said(description: str, schema: Operation | None) -> Operation:
    if schema is None:
        return {"description": description}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def error(description: str) -> Operation:
    return said(description, schemas.ref("Error"))


def refusals(errors: tuple[int, ...]) -> dict[str, Operation]:
    texts = {
        400: "What was asked for cannot be understood; `error` names it.",
        401: "There is an --admin-token, and it was not sent.",
        403: "A wrong --admin-token, or a client that is not on this machine.",
        404: "Nothing has that name.",
    }
    return {str(code): error(texts[code]) for code in sorted({*errors, 401, 403})}


def query(name: str, schema: Operation, description: str) -> Operation:
    return {"name": name, "in": "query", "schema": schema, "description": description}
