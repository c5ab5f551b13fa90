"""Checks that the state server can be reached, before anything is started that needs it."""

from __future__ import annotations

import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

from oagw_tornado.config.settings import ConfigError

if TYPE_CHECKING:
    from oagw_tornado.config.config import Config

#: Seconds that a start waits for the store.
START_PATIENCE = 5.0


def require_client() -> None:
    """Raise ConfigError if the library is missing that speaks to the store."""
    if find_spec("redis") is None:
        raise ConfigError("--state", "redis is not installed (pip install oagw-tornado[cluster])")


def check_state(config: Config) -> None:
    """Raise ConfigError if `config` names a state and it does not answer in time."""
    if config.state is None:
        return
    require_client()
    from redis import Redis
    from redis.exceptions import RedisError

    from oagw_tornado.state.failures import in_words

    deadline = time.monotonic() + START_PATIENCE
    while True:
        client = Redis.from_url(config.state.url, socket_timeout=2.0, socket_connect_timeout=2.0, protocol=2)
        try:
            client.ping()
            return
        except (RedisError, OSError) as error:
            said = in_words(error, config.state)
            if time.monotonic() > deadline or said.startswith("refused: "):
                raise ConfigError("--state", f"{config.state}: {said}") from None
        finally:
            client.close()
        time.sleep(0.2)
