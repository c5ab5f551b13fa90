"""What all tests share. A stray warning is a failure already: see filterwarnings in setup.cfg.

Tests run on two workers. A test of time that must have the machine to itself is marked ``alone``: it waits until no
other test runs, and holds the others up while it does.
"""

from __future__ import annotations

from collections.abc import Generator
from fcntl import LOCK_EX, LOCK_SH, LOCK_UN, flock

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "alone: no other test runs at the same time")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if not hasattr(item.config, "workerinput") or item.config.cache is None:
        return (yield)
    folder = item.config.cache.mkdir("turns")
    with open(folder / "door", "w") as door, open(folder / "room", "w") as room:
        # Who wants to be alone stands in the door until the room is empty; the others only pass it.
        flock(door, LOCK_EX)
        flock(room, LOCK_EX if item.get_closest_marker("alone") else LOCK_SH)
        flock(door, LOCK_UN)
        return (yield)
