"""Gates: a stream that waits before each event until a test lets it pass."""

from __future__ import annotations

from typing import Protocol


class Gated(Protocol):
    """A reply that waits at a gate."""

    def released(self) -> None:
        """It may go on."""

    def gate_timed_out(self) -> None:
        """Nobody let it pass in time."""


class Gates:
    """The gates of one simulator, by name."""

    def enter(self, name: str, gated: Gated) -> bool:
        """Pass at once (True), or wait: then `gated.released` or `gated.gate_timed_out` is called later."""
        return True

    def leave(self, name: str, gated: Gated) -> None:
        """Wait no longer: the client has gone."""
