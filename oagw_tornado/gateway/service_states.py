"""What the services of one simulator remember: one object of each kind, made when it is first asked for."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


class ServiceStates:
    """The objects by their kinds."""

    def __init__(self) -> None:
        self._objects: dict[type, Any] = {}

    def of(self, kind: type[T]) -> T:
        """The one object of `kind`."""
        if kind not in self._objects:
            self._objects[kind] = kind()
        state: T = self._objects[kind]
        return state

    def clear(self) -> None:
        """Back to the state at start, for all that can: those that have a method ``clear``."""
        for state in self._objects.values():
            if hasattr(state, "clear"):
                state.clear()
