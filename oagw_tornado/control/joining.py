"""Has a simulator come in among those who share its state."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import orjson

from oagw_tornado.config.settings import ConfigError
from oagw_tornado.control.gathering import Gathering
from oagw_tornado.control.routes import handler_of
from oagw_tornado.control.sharing import Sharing
from oagw_tornado.control.watching import Watching
from oagw_tornado.state.probe import START_PATIENCE
from oagw_tornado.state.store import StateAway

if TYPE_CHECKING:
    from oagw_tornado.control.control import ControlPlane
    from oagw_tornado.gateway.terms import Terms
    from oagw_tornado.state.shared_state import SharedState


async def join(shared: SharedState, control: ControlPlane, terms: Terms, predecessor: str) -> None:
    """Follow all that was changed, and decide with the others from now on. Raises ConfigError."""
    membership = shared.membership
    terms.share(shared.store)
    gathering = Gathering(control, shared.link, shared.store, membership, shared.journals)
    control.sharing = sharing = Sharing(control, shared.store, membership, gathering, handler_of)
    sharing.watching = Watching(control, shared.link, membership, gathering)
    control.responder.inference_of_all = gathering.inference
    control.responder.health.details = lambda: {"state": shared.health()}
    _share_recordings(shared, control, terms)
    try:
        await membership.join(START_PATIENCE, predecessor)
    except StateAway as away:
        raise ConfigError("--state", f"{shared.link.address}: {away}") from None
    terms.started = membership.began


def _share_recordings(shared: SharedState, control: ControlPlane, terms: Terms) -> None:
    """What one member has recorded, because no recording answered, answers at all members that see the file."""
    member = shared.membership.member

    def tell(alias: str, path: str) -> None:
        shared.link.publish("bus", b"recorded " + orjson.dumps((member, alias, os.path.abspath(path))))

    def heard(word: bytes) -> None:
        by, alias, path = orjson.loads(word)
        if by != member and control.replays is not None and os.path.exists(path):
            control.replays.recorded(alias, path)

    terms.tell_recorded = tell
    shared.membership.words[b"recorded"] = heard
