"""The OpenAPI 3.1 document of the whole API. A test compares it with the route table and with real replies.

Written by hand: the libraries that generate one (apispec, msgspec) start from typed handlers, whereas these handlers
take knobs and options from tables of our own, from which this document is generated too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from oagw_tornado import __version__
from oagw_tornado.control import schemas
from oagw_tornado.control.openapi_evidence import evidence_paths
from oagw_tornado.control.openapi_operations import Operation, control, error, query, read, refusals, said
from oagw_tornado.control.openapi_page import page_paths
from oagw_tornado.knobs.vocabulary import VOCABULARY


def document(aliases: Sequence[str]) -> dict[str, Any]:
    """The document of a simulator with these upstreams."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "oagw-tornado",
            "version": __version__,
            "description": "A simulated outbound API gateway with its upstreams, its evidence and its controls.",
        },
        "paths": {**_gateway_paths(list(aliases)), **page_paths(), **evidence_paths(), **_control_paths()},
        "components": {
            "schemas": schemas.SCHEMAS,
            "parameters": _knob_parameters(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A --token of the gateway."},
                "admin": {"type": "http", "scheme": "bearer", "description": "The --admin-token, if there is one."},
            },
        },
    }


def _gateway_paths(aliases: list[str]) -> dict[str, Any]:
    proxied = {
        "parameters": [
            {"name": "alias", "in": "path", "required": True, "schema": {"type": "string", "enum": aliases}},
            {"name": "path", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}},
            *({"$ref": f"#/components/parameters/{name}"} for name in _knob_parameters()),
        ],
    }
    for method in ("get", "post", "put", "delete"):
        proxied[method] = {  # type: ignore[assignment]
            "operationId": f"proxy_{method}",
            "summary": "A request to a simulated upstream. `path` may hold slashes.",
            "security": [{"bearer": []}],
            **({"requestBody": {"content": {"*/*": {}}}} if method in ("post", "put") else {}),
            "responses": {
                "400": said("A knob that is not one, or a body that the service refuses.", schema={}),
                "401": error("No bearer."),
                "403": error("A wrong bearer."),
                "429": said("A rate limit, asked for with the knob rate-limit or made up by the service.", schema={}),
                "default": said("What the service, or the fault that was asked for, says.", schema=None),
            },
        }
    return {
        "/health": {"get": read("health", "Whether the server is up.", schemas.ref("Health"))},
        "/healthz": {"get": read("healthz", "Whether the process lives.", schemas.ref("Health"))},
        "/readyz": {"get": read("readyz", "Whether the server takes more requests.", schemas.ref("Health"))},
        "/api/oagw/v1/status": {"get": read("status", "What the gateway is.", schemas.ref("Status"))},
        "/api/oagw/v1/proxy/{alias}/{path}": proxied,
    }


def _control_paths() -> dict[str, Any]:
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    id = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return {
        "/_sim/requests": {
            "get": control(
                "requests",
                "The journal, newest first.",
                schemas.ref("Requests"),
                parameters=[
                    *(query(name, dict(schema), text) for name, (schema, text) in schemas.FILTERS.items()),
                    query(
                        "since",
                        {"anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}]},
                        "Only from this time on: Unix time in seconds, or ISO 8601.",
                    ),
                    query("limit", {"type": "integer", "minimum": 0, "maximum": 1_000_000_000}, "At most so many."),
                    query(
                        "after",
                        {"type": "integer", "minimum": 1, "maximum": 10**18},
                        "The next page: `next` of the one before.",
                    ),
                    query("events", {"enum": [0, 1]}, "With the instants of the events."),
                    query(
                        "format",
                        {"enum": ["json", "har", "ndjson", "csv"], "default": "json"},
                        "json; an HTTP Archive; a line each; with events=1 the events as ndjson or CSV.",
                    ),
                ],
                errors=(400,),
            ),
            "delete": control("forget_requests", "Empty the journal.", None, status=204),
        },
        "/_sim/requests/{id}": {
            "parameters": [id],
            "get": control(
                "request",
                "One request, with the instants of its events.",
                schemas.ref("RequestWithEvents"),
                errors=(404,),
            ),
        },
        "/_sim/verdict": {
            "get": control(
                "verdict",
                "Whether this server was late for reasons of its own.",
                schemas.ref("Verdict"),
                parameters=[
                    query("late-p99", {"type": "string", "default": "2ms"}, "Lateness that is allowed at p99."),
                    query("window", {"type": "string"}, "Look back so far, not to the last reset."),
                    query("history", {"enum": ["0", "1"]}, "With the seconds one by one."),
                ],
                errors=(400,),
            )
        },
        "/_sim/config": {
            "get": control("config", "The options as they are.", schemas.ref("Config")),
            "patch": control(
                "change_config",
                "Change options, all or nothing; null stands for the default.",
                schemas.ref("Config"),
                parameters=[_check()],
                body=schemas.ref("Changes"),
                errors=(400,),
            ),
        },
        "/_sim/rules": {
            "get": control("rules", "All rules, in order.", schemas.ref("Rules")),
            "post": control(
                "add_rule",
                "Add a rule behind the others.",
                schemas.ref("CountedRule"),
                status=201,
                parameters=[_check()],
                body=schemas.ref("Rule"),
                errors=(400,),
            ),
            "patch": control(
                "reorder_rules",
                "Put the rules into another order; their counts go on.",
                schemas.ref("Rules"),
                body=schemas.ref("NewOrder"),
                errors=(400,),
            ),
            "put": control(
                "replace_rules",
                "Other rules in the place of all, all or nothing.",
                schemas.ref("Rules"),
                body=schemas.ref("NewRules"),
                errors=(400,),
            ),
            "delete": control("remove_rules", "Remove all rules.", None, status=204),
        },
        "/_sim/rules/{name}": {
            "parameters": [name],
            "get": control("rule", "One rule with its counts.", schemas.ref("CountedRule"), errors=(404,)),
            "put": _put_rule("put_rule"),
            "delete": control("remove_rule", "Remove one rule.", None, status=204, errors=(404,)),
        },
        "/_sim/rules/explain": {
            "post": control(
                "explain_rules",
                "Which rule would apply to a request that is described, and which come nearest.",
                schemas.ref("Explained"),
                body=schemas.ref("DescribedRequest"),
                errors=(400,),
            ),
            "get": control("rule_explain", "The rule of that name.", schemas.ref("CountedRule"), errors=(404,)),
            "put": _put_rule("put_rule_explain"),
            "delete": control("remove_rule_explain", "Remove the rule of that name.", None, status=204, errors=(404,)),
        },
        "/_sim/upstreams": {
            "get": control("upstreams", "The upstreams that were described.", schemas.ref("Upstreams")),
            "post": control(
                "add_upstreams",
                "Describe more upstreams, by their aliases.",
                schemas.ref("Upstreams"),
                body=schemas.ref("NewUpstreams"),
                errors=(400,),
            ),
        },
        "/_sim/upstreams/{alias}": {
            "parameters": [{**name, "name": "alias"}],
            "get": control("upstream", "One that was described.", schemas.ref("Upstream"), errors=(404,)),
            "put": control(
                "describe_upstream",
                "Describe an upstream.",
                schemas.ref("Upstream"),
                body=schemas.ref("Upstream"),
                errors=(400,),
            ),
            "delete": control("remove_upstream", "Take an upstream away.", None, status=204, errors=(404,)),
        },
        "/_sim/gates": {"get": control("gates", "The gates in use.", schemas.ref("Gates"))},
        "/_sim/health": {
            "get": control("health_checks", "What the health checks are answered.", schemas.ref("HealthChecks")),
            "post": control(
                "set_health",
                "Have health checks answered with a status.",
                schemas.ref("HealthChecks"),
                body=schemas.ref("NewHealth"),
                errors=(400,),
            ),
        },
        "/_sim/gates/{name}/release": {
            "parameters": [name],
            "post": control(
                "release",
                "Let events pass a gate.",
                schemas.ref("Released"),
                parameters=[
                    query(
                        "events",
                        {
                            "anyOf": [
                                {"type": "integer", "minimum": 1, "maximum": 1_000_000_000},
                                {"const": "all"},
                            ],
                            "default": 1,
                        },
                        "So many more events, or all from now on.",
                    )
                ],
                errors=(400,),
            ),
        },
        "/_sim/replays": {
            "get": control(
                "replays",
                "What was replayed since the last reset, and how true that was.",
                schemas.ref("Replays"),
                parameters=[
                    query(
                        "limit", {"type": "integer", "minimum": 0, "maximum": 1000}, "At most so many of the latest."
                    ),
                    query("events", {"enum": [0, 1]}, "With the instants and errors of the events."),
                ],
                errors=(400,),
            )
        },
        "/_sim/reset": {"post": control("reset", "Back to the state at start.", None, status=204)},
        "/_sim/openapi.json": {"get": control("openapi", "This document.", {"type": "object"})},
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "summary": "Counters and histograms for Prometheus.",
                "security": [{"admin": []}, {}],
                "responses": {
                    "200": {
                        "description": "Prometheus text format.",
                        "content": {"text/plain": {"schema": {"type": "string"}}},
                    },
                    **refusals(()),
                },
            }
        },
    }


def _put_rule(id: str) -> Operation:
    summary = "Have a rule in the place of that of this name, or behind the others."
    operation = control(id, summary, schemas.ref("CountedRule"), body=schemas.ref("Rule"), errors=(400,))
    operation["responses"]["201"] = said("It is a new one.", schemas.ref("CountedRule"))
    return operation


def _check() -> Operation:
    return query("check", {"enum": [0, 1]}, "Only say whether it could be so; nothing changes.")


def _knob_parameters() -> dict[str, Operation]:
    parameters: dict[str, Operation] = {}
    for knob in VOCABULARY.values():
        text = {"schema": {"type": "string", "maxLength": 2000}, "description": knob.help}
        header = "X-Sim-" + "-".join(word.capitalize() for word in knob.name.split("-"))
        parameters[header] = {"name": header, "in": "header", **text}
        parameters[f"sim-{knob.name}"] = {"name": f"sim-{knob.name}", "in": "query", **text}
    return parameters
