"""Metrics of the models of one alias, for scrapers of inference servers."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from importlib import import_module
from typing import TYPE_CHECKING

from oagw_tornado.evidence.inference import InferenceCollector, Load
from oagw_tornado.evidence.metrics import CONTENT_TYPE, render
from oagw_tornado.reply.reply import Reply

if TYPE_CHECKING:
    from oagw_tornado.gateway.responder import Responder

# Exchanges that are counted in one turn of the loop.
_AT_A_TIME = 64


async def inference_metrics(responder: Responder, alias: str, models: tuple[str, ...], most: int | None) -> Reply:
    """vLLM's metrics of `alias`, in the Prometheus text format. `most` requests may run; None: no limit."""
    if "prometheus_client" not in sys.modules:
        # Loading it takes tens of milliseconds, by which no stream is to be late: beside the loop, not in it.
        await asyncio.get_running_loop().run_in_executor(None, import_module, "prometheus_client")
    counters = responder.inference_of(alias)
    while counters.settle(_AT_A_TIME):
        await asyncio.sleep(0)
    responder.settle()
    collector = InferenceCollector(counters, _load(responder, alias, most), models)
    return Reply(200, (("Content-Type", CONTENT_TYPE),), render(collector))


def _load(responder: Responder, alias: str, most: int | None) -> Load:
    """What the alias is doing right now."""
    exchanges = [playback.exchange for playback in responder.playing if playback.exchange.alias == alias]
    begun = tuple((each, each.inference) for each in exchanges if each.inference is not None and not each.outcome)
    _, waiting = responder.queues.lengths().get(alias, (0, 0))
    return Load(Counter(inference.model for _, inference in begun), waiting, begun, most)
