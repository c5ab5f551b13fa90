"""Questions of one member to all others, and their answers, which arrive piece by piece through a list in the store."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from secrets import token_hex
from typing import Any

import msgspec
import orjson

from oagw_tornado.state.link import Link
from oagw_tornado.state.store import StateAway

#: Seconds that a member has for its next piece, and that an answer nobody takes is kept.
PATIENCE = 5.0
_KEPT = 30
#: Seconds between two looks who is still there.
_LOOK = 0.5


class Questions:
    """Asks for this member, and answers for it: `answer` gives the pieces of what it knows."""

    def __init__(self, link: Link, member: str) -> None:
        self.answer: Callable[[dict[str, Any]], AsyncIterator[Any]]
        self._link = link
        self._member = member
        # The latest questions: one that is asked again has its answer.
        self._answered: deque[str] = deque(maxlen=1000)

    async def ask_all(self, question: dict[str, Any]) -> AsyncIterator[tuple[str, Any]]:
        """The pieces of all members' answers as they come, each with the member that gives it; its own come first.

        Raises StateAway, also if a member is there and does not answer.
        """
        key = f"answers:{token_hex(8)}"
        word = orjson.dumps({"by": self._member, "to": key, "question": question})
        asked = await self._link.call("ask", word)
        missing = {member.decode() for member in asked} - {self._member}
        async for piece in self.answer(question):
            yield self._member, piece
        heard = time.monotonic()
        while missing:
            answer = await self._next(key)
            if answer is not None:
                heard = time.monotonic()
                member, is_last, piece = msgspec.msgpack.decode(answer)
                if piece is not None:
                    yield member, piece
                if is_last:
                    missing.discard(member)
                continue
            missing &= {member.decode() for member, _, _ in await self._link.call("members")}
            if missing and time.monotonic() - heard > PATIENCE:
                raise StateAway(f"{', '.join(sorted(missing))[:200]} did not answer in time")
            if missing:
                await self._link.call("ask", word)  # somebody may not have listened

    async def settle(self, member: str) -> bool:
        """Wait until the store has all that another member has told it by now: what it answers comes behind that.

        False if it is not there, or does not answer in time. Raises StateAway.
        """
        key = f"answers:{token_hex(8)}"
        word = orjson.dumps({"by": self._member, "to": key, "question": {"kinds": []}})
        deadline = time.monotonic() + PATIENCE
        while await self._link.call("ask-one", member, word) and time.monotonic() < deadline:
            if await self._next(key) is not None:
                return True
        return False

    async def answer_to(self, word: dict[str, Any]) -> None:
        """Answer a question that was asked of all. Raises StateAway."""
        if word["by"] == self._member or word["to"] in self._answered:
            return
        self._answered.append(word["to"])
        async for piece in self.answer(word["question"]):
            await self._link.call("answer", word["to"], _KEPT, self._packed(False, piece))
        await self._link.call("answer", word["to"], _KEPT, self._packed(True, None))

    def _packed(self, is_last: bool, piece: Any) -> bytes:
        return msgspec.msgpack.encode((self._member, is_last, piece))

    async def _next(self, key: str) -> bytes | None:
        from redis.exceptions import RedisError

        try:
            answer = await self._link.redis.blpop([f"{self._link.prefix}{key}"], timeout=_LOOK)
        except (RedisError, OSError) as error:
            if self._link.is_away:
                raise StateAway(str(error)[:200] or type(error).__name__) from None
            await asyncio.sleep(_LOOK / 10)  # a connection of the time before it was away
            return None
        return answer[1] if answer is not None and isinstance(answer[1], bytes) else None
