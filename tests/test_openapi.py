"""The OpenAPI document is true: every route is in it, every example call that it allows is answered as it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from raw_http import CHAT, TOKEN, chat, request, talk
from schemathesis.specs.openapi.checks import response_schema_conformance

from oagw_tornado.control import schemas
from oagw_tornado.control.openapi import document
from oagw_tornado.control.table import ROUTES
from oagw_tornado.knobs.vocabulary import VOCABULARY
from oagw_tornado.testing import SimulatorThread

ALIASES = ("openai", "github", "weather", "calculator", "stream-test")


@pytest.fixture(scope="module")
def oagw() -> Iterator[SimulatorThread]:
    with SimulatorThread(inter_token_latency="0", event_interval="0", gate_timeout="20ms") as server:
        yield server


def test_the_document_is_that_of_the_server(oagw: SimulatorThread) -> None:
    served = json.loads(talk(oagw.port, request("/_sim/openapi.json")).body)
    assert served["openapi"] == "3.1.0"
    assert set(document(ALIASES)["paths"]) == set(served["paths"])
    aliases = served["paths"]["/api/oagw/v1/proxy/{alias}/{path}"]["parameters"][0]["schema"]["enum"]
    assert aliases == json.loads(talk(oagw.port, request("/api/oagw/v1/status")).body)["registered_aliases"]


def test_every_route_and_method_is_in_the_document() -> None:
    paths = document(ALIASES)["paths"]
    for path, handler in ROUTES:
        served = {method.lower() for method in handler.allowed_methods()} - {"head"}
        assert {method for method in paths[path] if method != "parameters"} == served
    controlled = {path for path in paths if path == "/" or path.startswith(("/_sim", "/metrics"))}
    assert controlled == {path for path, _ in ROUTES}


def test_every_route_key_and_outcome_is_in_the_documentation() -> None:
    docs = Path(__file__).parent.parent / "docs"
    evidence, rules = (docs / "evidence.md").read_text(), (docs / "rules.md").read_text()
    for path, _ in ROUTES:
        assert path in evidence
    for name in (*schemas.SCHEMAS["Request"]["properties"], *schemas.SCHEMAS["Timing"]["properties"]):
        assert f"`{name}`" in evidence or f'"{name}"' in evidence
    for outcome in ("complete", "client-left", "fault:<type>", "gate-timeout", "drained"):
        assert f"`{outcome}`" in evidence
    for part in ("match", "when"):
        for name in schemas.SCHEMAS["Rule"]["properties"][part]["properties"]:
            assert f"| `{name}" in rules


def test_every_knob_is_in_the_document() -> None:
    parameters = document(ALIASES)["components"]["parameters"]
    assert {name for name in parameters if name.startswith("sim-")} == {f"sim-{name}" for name in VOCABULARY}
    assert len(parameters) == 2 * len(VOCABULARY)


def test_the_schemas_are_schemas() -> None:
    for schema in document(ALIASES)["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_a_journal_with_something_in_it_is_as_the_document_says(oagw: SimulatorThread) -> None:
    oagw.control.reset()
    for fault in ("none", "reset;at-event=1", "status", "stall;for=1ms", "truncate"):
        talk(oagw.port, request(CHAT, chat(), {"X-Sim-Fault": fault}))
    talk(oagw.port, request("/nowhere"))
    talk(oagw.port, b"nonsense\r\n\r\n")
    oagw.control.add_rule(match={"alias": ["github"]}, when={"first": 1}, fault=["split", "reset"], output_tokens=5)
    whole = document(ALIASES)

    def check(name: str, found: Any) -> None:
        schema = {"$ref": f"#/components/schemas/{name}", "components": whole["components"]}
        jsonschema.validate(found, schema, jsonschema.Draft202012Validator)

    requests = oagw.control.call("GET", "/_sim/requests")
    # What is no HTTP at all is answered by tornado itself on the stock engine, and not noted.
    assert len(requests["requests"]) in (6, 7)
    check("Requests", requests)
    for found in requests["requests"]:
        check("RequestWithEvents", oagw.control.request(found["id"]))
    check("Timing", oagw.control.timing())
    check("Rules", oagw.control.call("GET", "/_sim/rules"))
    oagw.control.reset()


# Whatever the document allows, and much that it does not.

OPERATIONS = [
    (method, path)
    for path, operations in document(ALIASES)["paths"].items()
    for method in operations
    if method != "parameters" and path != "/_sim/live"  # has no end; tests/test_live.py reads it
]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_call_gives_a_server_error_or_breaks_the_schema(oagw: SimulatorThread, method: str, path: str) -> None:
    oagw.control.reset()
    schema = schemathesis.openapi.from_dict(document(ALIASES))
    schema.config.update(base_url=oagw.base_url)
    operation = schema[path][method]
    calls = operation.as_strategy() | operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)

    @given(case=calls)
    @settings(
        max_examples=10, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    def check(case: schemathesis.Case) -> None:
        if "/proxy/" in path:
            case.headers["Authorization"] = f"Bearer {TOKEN}"
        response = case.call(timeout=10)
        assert response.status_code < 500
        case.validate_response(response, checks=[response_schema_conformance])

    check()
