"""The answers of one simulator to health checks. A plain value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar


class HealthState:
    """What the health checks of one simulator are answered."""

    #: The checks there are: of the gateway, of its process (liveness), of its readiness for more requests.
    PATHS: ClassVar = ("/health", "/healthz", "/readyz")
    #: Those that fail together, if it is not said which: a process that lives is not restarted for being ill.
    USUAL: ClassVar = ("/health", "/readyz")

    def __init__(self) -> None:
        self.is_draining = False
        #: What else there is to say; None: nothing.
        self.details: Callable[[], dict[str, Any]] | None = None
        self.statuses = dict.fromkeys(self.PATHS, 200)

    def set(self, status: int, paths: tuple[str, ...] = USUAL) -> None:
        """Have these checks answered with `status`."""
        self.statuses.update(dict.fromkeys(paths, status))

    def reset(self) -> None:
        """All is well again."""
        self.set(200, self.PATHS)

    def answer(self, path: str) -> tuple[int, str]:
        """Status and word for the check `path`."""
        status = self.statuses[path]
        if path == "/readyz" and self.is_draining:
            return (status if status >= 400 else 503), "draining"
        return status, "healthy" if status < 400 else "unhealthy"
