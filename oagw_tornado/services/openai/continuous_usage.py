"""vLLM's ``continuous_usage_stats``: each chunk of a stream has the usage so far, not only the last one."""

from __future__ import annotations

from collections.abc import Iterator

from oagw_tornado.reply.parts import Parts
from oagw_tornado.reply.passages import Passage
from oagw_tornado.services.context import Context


class _Told:
    """The tokens that were told so far, of `most` in all."""

    def __init__(self, prompt: int, most: int) -> None:
        self.prompt = prompt
        self.most = most
        self.count = 0

    def usage(self) -> bytes:
        numbers = (self.prompt, self.count, self.prompt + self.count)
        return b',"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}\n\n' % numbers


def with_usage(
    passages: list[Passage], tail: bytes, end: bytes, prompt: int, said: list[Parts], context: Context
) -> list[Passage]:
    """`passages`, whose chunks end with `tail`: in its place stands `end` with the usage so far.

    `said` is the parts of each choice.
    """
    told = _Told(prompt, sum(part.tokens.count for parts in said for part in parts))
    return [_told(passage, tail, end, told, context.tokens_per_event) for passage in passages]


def _told(passage: Passage, tail: bytes, end: bytes, told: _Told, per_event: int) -> Passage:
    def telling(data: bytes) -> bytes:
        return data.removesuffix(tail) + end + told.usage() if data.endswith(tail) else data

    def chunks() -> Iterator[bytes]:
        if passage.is_silent:
            yield telling(passage.opening[-1])
        for data in passage.contents:
            told.count = min(told.count + per_event, told.most)
            yield telling(passage.before + data + passage.after)

    # What opens a passage leaves with its first content, and is made before it: it tells of what was said until then.
    opening = passage.opening[:-1] if passage.is_silent else passage.opening
    told_before = tuple(telling(data) for data in opening)
    return passage._replace(opening=told_before, contents=chunks(), before=b"", after=b"", is_silent=False)
