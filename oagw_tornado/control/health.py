"""``/_sim/health``: the answers to health checks."""

from __future__ import annotations

from typing import Any

from oagw_tornado.control.control import ControlPlane
from oagw_tornado.control.handlers import BadRequest, ControlHandler
from oagw_tornado.gateway.health import HealthState
from oagw_tornado.units.documents import quoted


class HealthChecks(ControlHandler):
    """GET tells the status of each check; POST ``{"status": 503, "paths": ["/health"]}`` sets it."""

    def get(self, control: ControlPlane) -> None:
        self.say(_as_json(control.responder.health))

    def post(self, control: ControlPlane) -> None:
        with self.refusing():
            health = control.responder.health
            health.set(*_read(self.document()))
            self.say(_as_json(health))

    head = get


def _read(document: Any) -> tuple[int, tuple[str, ...]]:
    if not isinstance(document, dict):
        raise BadRequest(f"expected an object such as {{'status': 503}}, not {quoted(document)}")
    for key in document:
        if key not in ("status", "paths"):
            raise BadRequest(f"{str(key)[:80]}: no such key; expected status, paths")
    status = document.get("status")
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise BadRequest(f"status: expected a status from 200 to 599, not {quoted(status)}")
    paths = document.get("paths", list(HealthState.USUAL))
    if not isinstance(paths, list) or not paths or not all(path in HealthState.PATHS for path in paths):
        raise BadRequest(f"paths: expected a list of {', '.join(HealthState.PATHS)}, not {quoted(paths)}")
    return status, tuple(paths)


def _as_json(health: HealthState) -> dict[str, Any]:
    return {"draining": health.is_draining, "checks": {path: health.answer(path)[0] for path in HealthState.PATHS}}
