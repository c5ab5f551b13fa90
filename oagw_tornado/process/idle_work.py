"""What a server does while nobody waits for it: load what the first request would wait for, and collect garbage.

Start-up loads only what a plain start needs, so the first chat completion would be tens of milliseconds late while the
rest is loaded. A thread loads it, which yields to the loop every half millisecond. While streams play, it works for a
short slice and then rests for three times as long: each write of the loop lets another thread run, so a thread that
never rests would run between any two of a thousand events.

A pass of the garbage collector over the objects of ten thousand streams takes tens of milliseconds, between their
events. So it examines only new objects, a few thousand at a time, and everything since the start only when nobody is
connected, or when there is too much. No request of ours leaves a cycle behind; this is for other people's code.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from threading import Event, Thread
from time import monotonic, sleep

# Those that most ask for first come first.
NEEDED_SOON = (
    "orjson",
    "oagw_tornado.services.openai.handlers",
    "oagw_tornado.services.openai.engine",
    "oagw_tornado.services.openai.responses.handlers",
    "oagw_tornado.services.weather",
    "oagw_tornado.services.github",
    "oagw_tornado.services.github_errors",
    "oagw_tornado.services.calculator",
    "oagw_tornado.services.stream_test",
    "oagw_tornado.services.anthropic.handlers",
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
    "oagw_tornado.services.openai.responses.shared",
    "oagw_tornado.services.openai.responses.store",
    "oagw_tornado.services.asking",
    "oagw_tornado.services.prompt_cache",
    "oagw_tornado.services.oauth.handlers",
    "oagw_tornado.services.nothing_scripted",
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

# Seconds after which the loading thread gives way to the loop; the interpreter's own 5 ms would make events late.
_GIVE_WAY = 0.0005
# Seconds of work, while streams play, and of rest after it.
_SLICE, _REST = 0.0002, 0.0006
_PAUSE = 0.02
# Seconds in which those who waited for the server to start are answered first.
_AFTER_START = 0.01
_LOOK_EVERY = 1.0
# New objects, less those that are gone, that are looked at: 0.1 ms of it. After so many such passes all that has come
# since the start is looked at, whoever waits.
_YOUNG = 5_000
_PASSES = 100
# Passes after which another one over everything is worthwhile when nobody is connected.
_WORTH_IT = 2


class IdleWork:
    """The idle work of one server process, done on `loop` from `start` to `stop`.

    `is_idle` says if no stream plays, in any thread; `is_alone` if nobody is connected.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        is_idle: Callable[[], bool],
        is_alone: Callable[[], bool],
        prepare: Iterable[Callable[[], object]] = (),
        modules: Iterable[str] = NEEDED_SOON,
    ) -> None:
        """`prepare` is called one by one, in turns of the loop, after all `modules` are there."""
        self._loop = loop
        self._is_idle = is_idle
        self._is_alone = is_alone
        self._prepare = iter(prepare)
        self._modules = modules
        self._stopped = Event()
        self._handle: asyncio.TimerHandle | None = None
        self._loading: asyncio.TimerHandle | None = None
        self._rest_at = 0.0

    def start(self) -> None:
        # Everything loaded by now lives as long as the process: the collector need not examine it again.
        gc.freeze()
        gc.set_threshold(_YOUNG, _PASSES, 10)
        gc.enable()
        self._handle = self._loop.call_later(_LOOK_EVERY, self._look)
        thread = Thread(target=self._load, name="idle work", daemon=True)
        self._loading = self._loop.call_later(_AFTER_START, thread.start)

    def stop(self) -> None:
        self._stopped.set()
        for handle in (self._handle, self._loading):
            if handle is not None:
                handle.cancel()

    def _load(self) -> None:
        before = sys.getswitchinterval()
        sys.setswitchinterval(_GIVE_WAY)
        sys.setprofile(self._rest)  # of this thread
        try:
            for module in self._modules:
                if self._stopped.is_set():
                    return
                try:
                    import_module(module)
                except Exception:  # no descriptor left, say
                    continue  # the code that needs it loads it, or reports why it cannot
        finally:
            sys.setprofile(None)
            sys.setswitchinterval(before)
        gc.freeze()
        try:
            self._loop.call_soon_threadsafe(self._prepare_next)
        except RuntimeError:
            pass  # the loop has ended

    def _rest(self, *_: object) -> None:
        """Called at each call and return of the thread: rest, if it has worked for long enough while streams play."""
        if monotonic() > self._rest_at:
            if not self._is_idle():
                sleep(_REST)
            self._rest_at = monotonic() + _SLICE

    def _prepare_next(self) -> None:
        if self._stopped.is_set():
            return
        if not self._is_idle():
            self._loop.call_later(_PAUSE, self._prepare_next)
            return
        prepare = next(self._prepare, None)
        if prepare is not None:
            self._loop.call_later(_PAUSE, self._prepare_next)
            prepare()

    def _look(self) -> None:
        self._handle = self._loop.call_later(_LOOK_EVERY, self._look)
        if gc.get_count()[1] >= _WORTH_IT and self._is_alone():
            gc.collect()
