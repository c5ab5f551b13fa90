"""The timers behind the pacer, on a real loop: never early."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import oagw_tornado.playback.pacer
import oagw_tornado.playback.timer
from oagw_tornado.playback.pacer import (
    Pacer,
)
from oagw_tornado.playback.timer import LoopTimer, TimerfdTimer, new_timer

RESOLUTION = 0.0005


# The timers, on a real loop.


def loops() -> Iterator[Any]:
    yield pytest.param(asyncio.new_event_loop, id="asyncio")
    try:
        import uvloop
    except ImportError:
        return
    yield pytest.param(uvloop.new_event_loop, id="uvloop")


@pytest.mark.parametrize("kind", [LoopTimer, TimerfdTimer])
@pytest.mark.parametrize("new_loop", list(loops()))
def test_a_timer_wakes_at_its_time(new_loop: Callable[[], Any], kind: Any) -> None:
    async def run() -> list[float]:
        woken = asyncio.Event()

        def wake() -> None:
            timer.disarm()  # whoever is woken does, or arms again
            woken.set()

        try:
            timer = kind(asyncio.get_running_loop(), wake)
        except (OSError, AttributeError):
            pytest.skip("there is no timerfd here")
        lates = []
        for delay in (0.03, 0.0012, 0.0, -1.0):
            when = time.monotonic() + delay
            timer.arm(when + 5)  # the last wish counts
            timer.arm(when)
            await asyncio.wait_for(woken.wait(), 2)
            lates.append(time.monotonic() - when)
            woken.clear()
        timer.arm(time.monotonic() + 0.005)
        timer.disarm()
        await asyncio.sleep(0.02)
        assert not woken.is_set()
        timer.close()
        timer.close()
        return lates

    with asyncio.Runner(loop_factory=new_loop) as runner:
        lates = runner.run(run())
    # The loop's own timer may round to its millisecond; the pacer looks at the clock again.
    assert min(lates) >= (0 if kind is TimerfdTimer else -0.002)


def test_where_there_is_no_timerfd_the_loop_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Any:
        raise OSError("none here")

    monkeypatch.setattr(oagw_tornado.playback.timer, "_open_timerfd", missing)
    loop = asyncio.new_event_loop()
    timer = new_timer(loop, lambda: None)
    assert isinstance(timer, LoopTimer)
    loop.close()


@pytest.mark.parametrize("new_loop", list(loops()))
@pytest.mark.parametrize("timer", [LoopTimer, TimerfdTimer])
def test_a_real_wheel_is_never_early(new_loop: Callable[[], Any], timer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oagw_tornado.playback.pacer, "new_timer", timer)

    class Real:
        def __init__(self, when: float) -> None:
            self.slot = 0
            self.when = when
            self.late: float | None = None

        def play(self) -> None:
            self.late = time.monotonic() - self.when

        def fail(self) -> None:
            pass

    async def run() -> list[Real]:
        pacer = Pacer(asyncio.get_running_loop(), RESOLUTION)
        begun = time.monotonic()
        things = [Real(begun + 0.0001 * number) for number in range(1000)]
        for thing in things:
            pacer.at(thing.when, thing)
        while pacer.waiting:
            await asyncio.sleep(0.01)
            assert time.monotonic() - begun < 5
        pacer.close()
        return things

    with asyncio.Runner(loop_factory=new_loop) as runner:
        things = runner.run(run())
    assert all(thing.late is not None and thing.late >= 0 for thing in things)
