"""Applies a configuration that was read again: directly, or together with others that share the state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from oagw_tornado.config.settings import ConfigError

if TYPE_CHECKING:
    from oagw_tornado.config.config import Config
    from oagw_tornado.control.control import ControlPlane


def reload_by(control: ControlPlane, read: Callable[[], Config], say: Callable[[str], None]) -> None:
    """Read and take over, and `say` in words what has changed, or why nothing has. Never raises."""
    try:
        config = read()
        if control.sharing is None:
            say(control.reload(config))
            return
        task = asyncio.ensure_future(control.sharing.reload(config))
    except ConfigError as error:
        say(f"{error}; nothing changed")
        return
    task.add_done_callback(partial(_reloaded, say))


def _reloaded(say: Callable[[str], None], task: asyncio.Task[str]) -> None:
    if task.cancelled():
        return
    error = task.exception()
    say(task.result() if error is None else f"{' '.join(str(error).split())}; nothing changed")
