"""The rest of a request's body as it arrives, for a handler that passes it on: bounded, however fast the client is."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from oagw_tornado.wire.connection import ReplyConnection

#: Bytes that may wait for the handler before the client is held up, and until it is read on.
MOST_HELD = 256 * 2**10
_FEW = MOST_HELD // 4


class BodyLost(ConnectionError):
    """The client has left before its request was whole."""


class BodyStream:
    """What comes behind the beginning of a body that the handler has. Iterate over it once."""

    def __init__(self, connection: ReplyConnection) -> None:
        self._connection = connection
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._is_holding = False
        # True once the body is complete, or can no longer become so.
        self.is_whole = False
        self._is_lost = False
        self._waiter: asyncio.Future[None] | None = None

    def feed(self, piece: bytes) -> None:
        """More of the body has arrived."""
        if self._is_lost:
            return
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held > MOST_HELD and not self._is_holding:
            self._is_holding = True
            self._connection.hold_body()
        self._wake()

    def finish(self) -> None:
        """That was all of it."""
        self.is_whole = True
        self._wake()

    def fail(self) -> None:
        """The rest does not come, or nobody wants it any more."""
        self._is_lost = True
        self._pieces.clear()
        self._let_go()
        self._wake()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces as they arrive. Raises BodyLost."""
        while True:
            while self._pieces:
                piece = self._pieces.popleft()
                self._held -= len(piece)
                if self._held < _FEW:
                    self._let_go()
                yield piece
            if self._is_lost:
                raise BodyLost("the client left before its request was whole")
            if self.is_whole:
                return
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def _let_go(self) -> None:
        if self._is_holding:
            self._is_holding = False
            self._connection.go_on_with_body()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
