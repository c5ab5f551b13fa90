"""The knobs of timing and trouble: one vocabulary for options, environment, file, rules, headers and queries."""

from __future__ import annotations

from dataclasses import dataclass

from oagw_tornado.latency import Fixed, Latency

NONE = Fixed(0.0)


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """The knobs that hold for one request. Times in seconds."""

    latency: Latency = NONE
    header_delay: Latency = NONE
    time_to_first_token: Latency = NONE
    inter_token_latency: Latency = Fixed(0.050)
    event_interval: Latency = Fixed(0.100)
