"""What leads to the page and what it is made of, over HTTP: who may have it, and how strictly it is confined."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from raw_http import request, talk

from oagw_tornado.page.assets import assets
from oagw_tornado.testing import SimulatorThread

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatorThread]:
    with SimulatorThread() as running:
        yield running


def test_the_root_leads_a_browser_to_the_page_and_tells_others_where_what_is(server: SimulatorThread) -> None:
    reply = talk(server.port, request("/", headers=HTML))
    assert (reply.status, reply.header("Location")) == (302, "/_sim/")
    index = json.loads(talk(server.port, request("/")).body)
    assert index["page"] == "http://localhost/_sim/"
    assert "openai" in index["aliases"]
    assert talk(server.port, request("/", {}, method="POST")).status == 405
    assert talk(server.port, request("//", headers=HTML | {"X-Forwarded-For": "203.0.113.7"})).status == 404
    assert talk(server.port, request("/_sim", headers=HTML)).header("Location") == "/_sim/"
    assert [each["path"] for each in server.control.requests()] == ["//"], "the others are none of the gateway"


@pytest.mark.parametrize("path", ["/_sim/", *(f"/_sim/assets/{name}" for name in assets())])
def test_each_file_is_confined_and_not_sent_twice(server: SimulatorThread, path: str) -> None:
    reply = talk(server.port, request(path))
    assert reply.status == 200
    policy = reply.header("Content-Security-Policy") or ""
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert reply.header("X-Content-Type-Options") == "nosniff"
    tag = reply.header("Etag") or ""
    again = talk(server.port, request(path, headers={"If-None-Match": f'"other", W/{tag}'}))
    assert (again.status, again.body, again.header("Etag")) == (304, b"", tag)


def test_what_is_no_file_of_the_page_is_not_served(server: SimulatorThread) -> None:
    for name in ("nothing.js", "..%2Fassets.py", "%2e%2e", "__init__.py"):
        assert talk(server.port, request(f"/_sim/assets/{name}")).status == 404


@pytest.mark.parametrize("path", ["/", "/_sim/", "/_sim/assets/app.js", "/_sim/live"])
def test_the_rules_of_control_hold(server: SimulatorThread, path: str) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"X-Forwarded-For": "203.0.113.7"}):
        assert talk(server.port, request(path, headers=HTML | headers)).status == 403


def test_with_a_token_the_page_may_ask_for_it_and_nothing_else_is_told() -> None:
    with SimulatorThread(admin_token="secret") as guarded:
        strange = HTML | {"X-Forwarded-For": "203.0.113.7", "Authorization": ""}
        assert talk(guarded.port, request("/", headers=strange)).status == 302
        assert talk(guarded.port, request("/_sim/", headers=strange)).status == 200
        assert talk(guarded.port, request("/_sim/assets/app.js", headers=strange)).status == 200
        for path in ("/_sim/live", "/_sim/vocabulary", "/_sim/requests", "/_sim/nothing"):
            assert talk(guarded.port, request(path, headers=strange)).status == 401
        assert talk(guarded.port, request("/", headers={"Authorization": ""})).status == 401
        assert talk(guarded.port, request("/", headers={"Authorization": "Bearer secret"})).status == 200


def test_without_control_there_is_no_page() -> None:
    with SimulatorThread(no_control=True) as closed:
        for path in ("/", "/_sim/", "/_sim/assets/app.js"):
            assert talk(closed.port, request(path, headers=HTML)).status == 404


def test_what_is_only_checked_changes_nothing(server: SimulatorThread) -> None:
    control = server.control
    checked = control.call("PATCH", "/_sim/config", query={"check": 1}, body={"latency": "20ms"})
    assert checked["latency"] == "20ms"
    assert control.call("GET", "/_sim/config")["latency"] == "0"
    assert control.call("POST", "/_sim/rules", query={"check": 1}, body={"fault": "reset"})["fault"] == "reset"
    assert control.rules() == []
    for path, body in (("/_sim/config", {"latency": "20"}), ("/_sim/rules", {"fault": "rest"})):
        method = b"PATCH" if path.endswith("config") else b"POST"
        reply = talk(server.port, request(f"{path}?check=1", body, method=method.decode()))
        assert reply.status == 400


def test_rules_are_edited_in_their_place_and_reordered_with_their_counts(server: SimulatorThread) -> None:
    control = server.control
    try:
        for name in "abc":
            control.add_rule(name=name, match={"alias": "weather"}, when={"first": 1})
        talk(server.port, request("/api/oagw/v1/proxy/weather/current"))
        control.call("PATCH", "/_sim/rules", body={"order": ["b", "a", "c"]})
        assert [(rule["name"], rule["applied"]) for rule in control.rules()] == [("b", 0), ("a", 1), ("c", 0)]
        control.call("PUT", "/_sim/rules/b", body={"match": {"alias": "github"}, "latency": "1ms"})
        control.call("PUT", "/_sim/rules/new", body={"fault": "reset"})
        assert [(rule["name"], rule["applied"]) for rule in control.rules()] == [
            ("b", 0),
            ("a", 1),
            ("c", 0),
            ("new", 0),
        ]
        for order in (["a"], ["a", "a", "b", "c"], [1, 2, 3, 4]):
            reply = talk(server.port, request("/_sim/rules", {"order": order}, method="PATCH"))
            assert (reply.status, b"order" in reply.body) == (400, True)
        assert talk(server.port, request("/_sim/rules/a", {"name": "b"}, method="PUT")).status == 400
    finally:
        control.reset()


def test_the_vocabulary_has_what_forms_are_made_of(server: SimulatorThread) -> None:
    found = server.control.call("GET", "/_sim/vocabulary")
    options = {option["name"]: option for option in found["options"]}
    assert options["latency"]["help"]
    assert options["inter-token-latency"]["default"] == "50ms"
    assert options["ttft"]["form-of"] == "time-to-first-token"
    faults = {fault["type"]: fault for fault in found["faults"]}
    assert faults["slow-body"]["needs"] == ["bytes-per-second"]
    assert "retry-after" in faults["status"]["parameters"]
    assert "alias" in [key["name"] for key in found["match"]]
