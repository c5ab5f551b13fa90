"""Metrics of the models of one alias, for scrapers of inference servers."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from importlib import import_module
from typing import TYPE_CHECKING, Any

from oagw_tornado.evidence.inference import InferenceCollector, InferenceCounters, Load
from oagw_tornado.evidence.metrics import CONTENT_TYPE, render
from oagw_tornado.gateway.refusal import state_away
from oagw_tornado.reply.reply import Reply
from oagw_tornado.state.store import StateAway

if TYPE_CHECKING:
    from oagw_tornado.gateway.responder import Responder

# Exchanges that are counted in one turn of the loop.
_AT_A_TIME = 64


async def inference_metrics(responder: Responder, alias: str, models: tuple[str, ...], most: int | None) -> Reply:
    """vLLM's metrics of `alias`, in the Prometheus text format. `most` requests may run; None: no limit."""
    if "prometheus_client" not in sys.modules:
        # Loading it takes tens of milliseconds and must not make a stream late, so it is done off the loop.
        await asyncio.get_running_loop().run_in_executor(None, import_module, "prometheus_client")
    if responder.inference_of_all is None:
        counters = await _settled(responder, alias)
        load = _load(responder, alias, most)
    else:
        from oagw_tornado.evidence.inference_merging import merged_inference

        try:
            counters, load = merged_inference(await responder.inference_of_all(alias), most)
        except StateAway as away:
            return state_away(str(away))
    return Reply(200, (("Content-Type", CONTENT_TYPE),), render(InferenceCollector(counters, load, models)))


async def inference_here(responder: Responder, alias: str) -> dict[str, Any]:
    """The same of this process alone, as plain values."""
    from oagw_tornado.evidence.inference_merging import inference_as_plain

    counters = await _settled(responder, alias)
    return inference_as_plain(counters, _load(responder, alias, None))


async def _settled(responder: Responder, alias: str) -> InferenceCounters:
    counters = responder.inference_of(alias)
    while counters.settle(_AT_A_TIME):
        await asyncio.sleep(0)
    responder.settle()
    return counters


def _load(responder: Responder, alias: str, most: int | None) -> Load:
    """What the alias is doing right now."""
    exchanges = [playback.exchange for playback in responder.playing if playback.exchange.alias == alias]
    begun = tuple((each, each.inference) for each in exchanges if each.inference is not None and not each.outcome)
    _, waiting = responder.queues.lengths().get(alias, (0, 0))
    return Load(Counter(inference.model for _, inference in begun), waiting, begun, most)
