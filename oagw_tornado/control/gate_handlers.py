"""The gates over HTTP: their state, and the release of events."""

from __future__ import annotations

from typing import Any

from oagw_tornado.control.control import ControlPlane
from oagw_tornado.control.handlers import BadRequest, ControlHandler, state_away, whole_number
from oagw_tornado.control.turns import Turns
from oagw_tornado.knobs.vocabulary import parse_gate
from oagw_tornado.state.store import StateAway

_MOST_EVENTS = 1_000_000_000


def _check_name(name: str) -> None:
    """Refuse a name that no request can wait under: its permits would never be used."""
    try:
        known = parse_gate(name)
    except ValueError as error:
        raise BadRequest(f"gate: {error}") from None
    if known is None:
        raise BadRequest(f"gate: {name!r} is not the name of a gate")


class GateList(ControlHandler):
    """``/_sim/gates``: the gates that hold permits or that somebody waits at."""

    of_all = ("gates",)

    async def get(self, control: ControlPlane) -> None:
        if control.gates_of_all is not None:
            self.say({"gates": control.gates_of_all})
            return
        turns = Turns()
        gates: dict[str, Any] = {}
        for name in control.gates.names():
            gates[name] = control.gates.state(name)
            if turns.is_over:
                await turns.rest()
        self.say({"gates": gates})

    head = get


class Release(ControlHandler):
    """``/_sim/gates/{name}/release?events=n``: let so many events pass, or ``all``; one if nothing is said."""

    # The permits are in the state: to add them once is enough.
    is_for_all = False

    async def post(self, control: ControlPlane, name: str) -> None:
        with self.refusing():
            _check_name(name)
            given = self.parameters("events").get("events", "1")
            events = None if given == "all" else whole_number("events", given, 1, _MOST_EVENTS)
            if control.sharing is not None:
                try:
                    self.say({"gate": name, **await control.sharing.release(name, events)})
                except StateAway as away:
                    self.respond(state_away(str(away)))
                return
            turns = Turns()
            for _ in control.gates.releasing(name, events):
                await turns.rest()
            self.say({"gate": name, **control.gates.state(name)})
