"""One log line per finished exchange."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from oagw_tornado.evidence.exchange import Exchange

if TYPE_CHECKING:
    from oagw_tornado.evidence.credentials import Disclosure

log = logging.getLogger("oagw_tornado.access")


def log_access(exchange: Exchange, disclosure: Disclosure) -> None:
    """Log who asked for what, and how it ended after how long. What a client can choose stays on one line, and
    credentials are masked."""
    log.info(
        "%s %s %s %d %s %.3fms",
        exchange.client or "-",
        exchange.method,
        disclosure.target(exchange.target)[:2000].encode("unicode_escape").decode("ascii"),
        exchange.status,
        exchange.outcome,
        (exchange.ended or 0.0) * 1000,
    )
