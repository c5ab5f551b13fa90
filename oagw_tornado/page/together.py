"""Merges what several processes show. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from oagw_tornado.page.standing import MOST_GATES, MOST_WAITING


def summed(many: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Numbers added by name, and those in mappings likewise."""
    total: dict[str, Any] = {}
    for each in many:
        for name, value in each.items():
            if isinstance(value, Mapping):
                total[name] = summed([total.get(name, {}), value])
            else:
                total[name] = total.get(name, 0) + value
    return total


def gates_together(many: Iterable[Mapping[str, Any]], state: Mapping[str, Any]) -> dict[str, Any]:
    """The gates of several processes, and how these stand by what they share."""
    shown: dict[str, Any] = {}
    for each in many:
        for name, gate in each.items():
            own = shown.setdefault(name, {"open": False, "permits": 0, "waiting": 0, "who": []})
            own["waiting"] += gate["waiting"]
            own["who"] = [*own["who"], *gate["who"]][:MOST_WAITING]
    for name, gate in state.items():
        own = shown.setdefault(name, {"waiting": 0, "who": []})
        shown[name] = {**gate, **own, "open": gate["open"], "permits": gate["permits"]}
    return dict(list(shown.items())[:MOST_GATES])


def add_update(update: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add what another process tells of requests and streams to an update."""
    for name in ("rows", "lanes", "gone"):
        if name in more:
            update[name] = [*update.get(name, ()), *more[name]]
    if "skipped" in more:
        update["skipped"] = update.get("skipped", 0) + more["skipped"]
