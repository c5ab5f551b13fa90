"""The shared state as one process sees it: its connection, its store, its membership."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

from oagw_tornado.state.decision_scripts import SCRIPTS as DECISIONS
from oagw_tornado.state.entry_scripts import SCRIPTS as ENTRIES
from oagw_tornado.state.journal_scripts import SCRIPTS as JOURNALS
from oagw_tornado.state.left_journals import LeftJournals
from oagw_tornado.state.link import Link
from oagw_tornado.state.membership import Membership, new_member
from oagw_tornado.state.membership_scripts import SCRIPTS as MEMBERS
from oagw_tornado.state.redis_store import RedisStore

if TYPE_CHECKING:
    from oagw_tornado.config.state_address import StateAddress


class SharedState:
    """One member with all that it needs. `worker` numbers the processes of one server, from 0."""

    def __init__(self, address: StateAddress, worker: int = 0) -> None:
        self.link = Link(address, {**DECISIONS, **MEMBERS, **JOURNALS, **ENTRIES})
        member = new_member()
        self.store = RedisStore(self.link, member)
        self.journals = LeftJournals(self.link, member)
        self.membership = Membership(self.link, self.store, member, f"{socket.gethostname()[:80]}/{worker}")

    def health(self) -> dict[str, Any]:
        """How it is, for ``/health``."""
        link = self.link
        told: dict[str, Any] = {
            "store": str(link.address),
            "status": "away" if link.is_away else "connected",
            "seconds": round(max(0.0, time.time() - link.since), 3),
            "member": self.membership.label,
        }
        return {**told, "error": link.error} if link.is_away else told
