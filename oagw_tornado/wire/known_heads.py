"""A cache of parsed heads: a client sends the same one again and again.

The meaning of a head depends only on its bytes and the server's limits, so it need not be parsed twice. All connections
of a server share the cache. Only heads that were parsed successfully and come a second time are kept: a refused head
leaves nothing behind, and heads that differ from request to request evict nothing.
"""

from __future__ import annotations

from oagw_tornado.wire.head import Head, Limits, parse_head

#: Heads that are cached, and the bytes of the longest.
MOST = 256
LONGEST = 2048


class KnownHeads:
    """The heads known to one server."""

    def __init__(self) -> None:
        self._known: dict[bytes, Head] = {}
        # Hashes of heads parsed once, recently: after a collision, a head is cached one request too early.
        self._seen: set[int] = set()
        #: The head of these bytes, if it is cached. Its fields must not be changed: see `WireHeaders.again`.
        self.find = self._known.get

    def parse(self, data: bytes, limits: Limits) -> Head:
        """As `parse_head`, without reading again what is known. The limits are always the same."""
        head = self._known.get(data)
        if head is not None:
            return head.again()
        head = parse_head(data, limits)
        # What waits for a word before its body, or comes in pieces, is never here in one piece.
        if len(data) <= LONGEST and head.length >= 0 and not head.expects_continue:
            self._remember(data, head)
        return head

    def _remember(self, data: bytes, head: Head) -> None:
        seen, known = self._seen, self._known
        number = hash(data)
        if number in seen:
            seen.discard(number)
            if len(known) >= MOST:
                del known[next(iter(known))]
            head = head.again()
            head.headers.shared = {}
            known[data] = head
        else:
            if len(seen) >= MOST:
                seen.clear()
            seen.add(number)
