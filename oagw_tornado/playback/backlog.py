"""What clients that do not read make the server hold, beyond what the kernel holds for them: counted, and bounded.

Each connection holds one write at most, or the rest of a body that is sent whole. The bound is for all of them.
"""

from __future__ import annotations


class Backlog:
    """Bytes that wait for clients to read, at most `limit` of them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def take(self, size: int) -> bool:
        """Hold `size` bytes more; False if there is no room for them."""
        if self.held + size > self.limit:
            return False
        self.held += size
        return True

    def give_back(self, size: int) -> None:
        """So many bytes are held no longer."""
        self.held -= size
