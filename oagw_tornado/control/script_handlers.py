"""``/_sim/upstreams`` and ``/_sim/rules/explain``: upstreams without code, and why a rule would not apply."""

from __future__ import annotations

from typing import Any

import orjson
from tornado.httputil import HTTPHeaders

from oagw_tornado.control.control import ControlPlane
from oagw_tornado.control.handlers import BadRequest, ControlHandler, OneRule
from oagw_tornado.gateway.refusal import refusal
from oagw_tornado.knobs.predicate import MOST_NAMES
from oagw_tornado.knobs.upstream_document import UpstreamError, parse_upstream, parse_upstreams
from oagw_tornado.units.documents import quoted

_DESCRIBED = ("alias", "path", "method", "headers", "query", "body")


class UpstreamList(ControlHandler):
    """``/_sim/upstreams``: those that were described; POST adds more, by their aliases, as the file has them."""

    def get(self, control: ControlPlane) -> None:
        self.say({"upstreams": {alias: each.as_json() for alias, each in control.upstreams.described.items()}})

    def post(self, control: ControlPlane) -> None:
        with self.refusing():
            document = self.document()
            if isinstance(document, dict) and set(document) == {"upstreams"}:
                document = document["upstreams"]
            try:
                control.upstreams.add(parse_upstreams(document))
            except UpstreamError as error:
                raise BadRequest(f"upstreams: {error}") from None
            self.get(control)

    head = get


class OneUpstream(ControlHandler):
    """``/_sim/upstreams/{alias}``: PUT describes it, DELETE takes it away."""

    def get(self, control: ControlPlane, alias: str) -> None:
        described = control.upstreams.described.get(alias)
        if described is None:
            self._unknown(alias)
        else:
            self.say(described.as_json())

    def put(self, control: ControlPlane, alias: str) -> None:
        with self.refusing():
            try:
                described = parse_upstream(alias, self.document())
                control.upstreams.add((described,))
            except UpstreamError as error:
                raise BadRequest(f"upstreams: {error}") from None
            self.say(described.as_json())

    def delete(self, control: ControlPlane, alias: str) -> None:
        if control.upstreams.remove(alias):
            self.say_nothing()
        else:
            self._unknown(alias)

    def _unknown(self, alias: str) -> None:
        self.respond(refusal(404, f"No upstream {alias[:80]!r} was added"))

    head = get


class Explain(OneRule):
    """``/_sim/rules/explain``: POST describes a request; the answer is the rule that would apply to it, and those
    that come nearest and would not. A rule of that name is there for the other methods."""

    def is_change(self) -> bool:
        return self.request.method != "POST" and super().is_change()

    def get(self, control: ControlPlane, name: str = "explain") -> None:
        super().get(control, name)

    def put(self, control: ControlPlane, name: str = "explain") -> None:
        super().put(control, name)

    def delete(self, control: ControlPlane, name: str = "explain") -> None:
        super().delete(control, name)

    def post(self, control: ControlPlane) -> None:
        with self.refusing():
            applied = control.explain(*described_request(self.document()))
            name = None if applied.rule is None else applied.rule.name
            self.say({"rule": name, "nearest": [miss.as_json() for miss in applied.nearest]})

    head = get


def described_request(document: Any) -> tuple[str, str, str, HTTPHeaders, bytes, str]:
    """Alias, path, method, headers, body and query of a request that is described. Raises BadRequest."""
    if not isinstance(document, dict):
        raise BadRequest(f"expected an object with {', '.join(_DESCRIBED)}, not {quoted(document)}")
    for key in document:
        if key not in _DESCRIBED:
            raise BadRequest(f"{str(key)[:80]}: no such key; expected {', '.join(_DESCRIBED)}")
    texts = {"alias": "", "path": "", "method": "POST", "query": ""}
    for key in texts:
        if key in document:
            if not isinstance(document[key], str):
                raise BadRequest(f"{key}: expected a text, not {quoted(document[key])}")
            texts[key] = document[key]
    if not texts["alias"]:
        raise BadRequest("alias: expected the upstream that is asked for")
    given = document.get("headers", {})
    if isinstance(given, dict) and len(given) > MOST_NAMES:
        raise BadRequest(f"headers: expected at most {MOST_NAMES} of them, not {len(given)}")
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise BadRequest(f"headers: expected an object of names and texts, not {quoted(given)}")
    try:
        headers = HTTPHeaders(given)
    except Exception:  # tornado refuses what no header can hold, each version with an error of its own
        raise BadRequest(f"headers: expected what a header can hold, not {quoted(given)}") from None
    body = document.get("body", "")
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else orjson.dumps(body)
    return texts["alias"], texts["path"].removeprefix("/"), texts["method"].upper(), headers, raw, texts["query"]
