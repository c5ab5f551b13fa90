"""What a server does while nobody waits for it: load what the first request would wait for, and collect garbage.

Start-up loads only what a plain start needs, so the first chat completion would pay for the rest, tens of milliseconds
late. And a pass of the cycle collector over what ten thousand streams hold takes as long, in the middle of them. No
request leaves a cycle behind, so there is no hurry: the collector runs when no stream does.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import import_module
from itertools import chain

# Loaded one at a time, so that none of them holds up a request for long.
NEEDED_SOON = (
    "msgspec",
    "oagw_tornado.services.typed",
    "oagw_tornado.services.openai.chat.requests",
    "oagw_tornado.services.openai.chat.reply",
    "oagw_tornado.faults",
    "oagw_tornado.playback.amending",
    "oagw_tornado.gateway.content_coding",
    "oagw_tornado.services.anthropic.requests",
    "oagw_tornado.services.anthropic.dialect",
    "oagw_tornado.services.openai.responses.dialect",
    "oagw_tornado.services.openai.responses.keeping",
    "oagw_tornado.services.openai.responses.store",
    "oagw_tornado.services.asking",
    "oagw_tornado.services.prompt_cache",
    "oagw_tornado.evidence.inference",
    "oagw_tornado.evidence.verdict",
    "oagw_tornado.playback.unread_watch",
    "oagw_tornado.evidence.credentials",
    "oagw_tornado.knobs.rules",
    "oagw_tornado.knobs.match_conversation",
    "oagw_tornado.gateway.scripted",
    "oagw_tornado.state.memory",
    "oagw_tornado.control.control",
    "oagw_tornado.control.routes",
    "oagw_tornado.control.table",
    "oagw_tornado.page.feed",
)
_LOAD_EVERY = 0.02
_LOOK_EVERY = 1.0
# New objects, less those that are gone, that make a pass worth its time when idle, and needed in any case.
_WORTH_IT = 10_000
_NEEDED = 500_000


class IdleWork:
    """The idle work of one server process, on `loop` from `start` to `stop`. `is_idle` says if nobody waits."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        is_idle: Callable[[], bool],
        prepare: Iterable[Callable[[], object]] = (),
    ) -> None:
        """`prepare` is called one by one after all modules are there: what can be made ready beside."""
        self._loop = loop
        self._is_idle = is_idle
        self._to_do: Iterator[Callable[[], object]] = chain(
            (partial(import_module, module) for module in NEEDED_SOON), prepare
        )
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        gc.set_threshold(_NEEDED, 10, 10)
        gc.enable()
        self._handle = self._loop.call_later(_LOAD_EVERY, self._load)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _load(self) -> None:
        if not self._is_idle():  # what plays now has all that it needs
            self._handle = self._loop.call_later(_LOAD_EVERY, self._load)
            return
        do = next(self._to_do, None)
        if do is not None:
            do()
            self._handle = self._loop.call_later(_LOAD_EVERY, self._load)
            return
        # What is here now stays as long as the process: the collector need not look at it again.
        gc.freeze()
        self._look()

    def _look(self) -> None:
        if gc.get_count()[0] > _WORTH_IT and self._is_idle():
            gc.collect()
        self._handle = self._loop.call_later(_LOOK_EVERY, self._look)
