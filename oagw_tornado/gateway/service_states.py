"""What the services of one simulator remember: one object of each kind, made when it is first asked for, and what
they have given out, which is known to all processes that share a state."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from oagw_tornado.state.local_entries import LocalEntries
    from oagw_tornado.state.store import Entries, Store

T = TypeVar("T")


class ServiceStates:
    """The objects by their kinds, and the entries."""

    def __init__(self) -> None:
        self._objects: dict[type, Any] = {}
        #: What decides for several processes; None: there is this one alone.
        self.store: Store | None = None
        # None: nothing has been given out yet.
        self._local: LocalEntries | None = None

    def of(self, kind: type[T]) -> T:
        """The one object of `kind`."""
        if kind not in self._objects:
            self._objects[kind] = kind()
        state: T = self._objects[kind]
        return state

    @property
    def local(self) -> LocalEntries:
        """What this process has given out where it shares no state."""
        if self._local is None:
            from oagw_tornado.state.local_entries import LocalEntries

            self._local = LocalEntries()
        return self._local

    @property
    def entries(self) -> Entries:
        """What was given out."""
        return self.local if self.store is None else self.store.entries

    def share(self, store: Store) -> None:
        """Give out together with others, by what is in `store`."""
        self.store = store

    async def decided(self, decide: Callable[[], T]) -> T:
        """What `decide` gives, with every answer that it asks for. Raises StateAway, and what `decide` does."""
        if self.store is None:
            return decide()
        from oagw_tornado.state.store import decided

        return await decided(self.store, decide)

    def clear(self) -> None:
        """Back to the state at start, for all that can: those that have a method ``clear``."""
        for state in self._objects.values():
            if hasattr(state, "clear"):
                state.clear()
        self.entries.clear()
