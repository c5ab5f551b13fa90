"""The part of the OpenAPI document for the live page."""

from __future__ import annotations

from oagw_tornado.control import schemas
from oagw_tornado.control.openapi_operations import Operation, control, error, query, refusals


def page_paths() -> dict[str, Operation]:
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return {
        "/": {
            "get": control("index", "Where what is; leads a browser to the page.", schemas.ref("Index")),
        },
        "/_sim": {"get": _page("to_the_page", "Leads to the page.", "302", None)},
        "/_sim/": {"get": _page("page", "The live page.", "200", "text/html")},
        "/_sim/assets/{name}": {
            "parameters": [name],
            "get": _page("page_file", "A script or a style sheet of the page.", "200", "text/javascript"),
        },
        "/_sim/live": {
            "get": {
                "operationId": "live",
                "summary": "What happens, as server-sent events: at most ten updates a second, each a JSON object.",
                "security": [{"admin": []}, {}],
                "parameters": [
                    query(
                        "show",
                        {"type": "string", "pattern": "^(streams|requests|gates|rules|,)*$"},
                        "Topics beside the figures of each second: streams, requests, gates, rules, joined by commas.",
                    ),
                    *(query(name, dict(schema), text) for name, (schema, text) in schemas.FILTERS.items()),
                ],
                "responses": {
                    "200": {
                        "description": "A stream without an end.",
                        "content": {"text/event-stream": {"schema": {"type": "string"}}},
                    },
                    "503": error("So many pages are open already."),
                    **refusals((400,)),
                },
            }
        },
        "/_sim/vocabulary": {
            "get": control("vocabulary", "Options, faults and keys of rules, for forms.", schemas.ref("Vocabulary"))
        },
    }


def _page(id: str, summary: str, status: str, media_type: str | None) -> Operation:
    content = {} if media_type is None else {"content": {media_type: {"schema": {"type": "string"}}}}
    return {
        "operationId": id,
        "summary": summary,
        "responses": {status: {"description": summary, **content}, **refusals((404,))},
    }
