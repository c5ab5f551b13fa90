"""What the models of one alias did in several processes, as one: plain values out of counters, and counters out of
many of these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from operator import add
from typing import Any

from oagw_tornado.evidence.inference import InferenceCounters, Load, ModelCounters, tokens_sent


def inference_as_plain(counters: InferenceCounters, load: Load | None = None) -> dict[str, Any]:
    """What is counted, which has been settled; with `load` also what runs right now."""
    models = {model: _plain(counted) for model, counted in counters.models.items()}
    told: dict[str, Any] = {"models": models}
    if load is not None:
        for exchange, inference in load.under_way:
            begun = models.setdefault(inference.model, _plain(ModelCounters()))
            begun["prompt"] += inference.prompt_tokens
            begun["generation"] += tokens_sent(exchange, inference)
        told |= {"running": dict(load.running), "waiting": load.waiting}
    return told


def merged_inference(many: Iterable[Mapping[str, Any]], most: int | None) -> tuple[InferenceCounters, Load]:
    """All of them as one; of each process that runs, `most` requests may run. None: no limit."""
    counters = InferenceCounters()
    running: Counter[str] = Counter()
    waiting = processes = 0
    for each in many:
        for model, told in each["models"].items():
            _add(counters.of(model), told)
        if "running" in each:
            processes += 1
            running.update(each["running"])
            waiting += each["waiting"]
    return counters, Load(running, waiting, (), None if most is None else most * processes)


def _plain(counted: ModelCounters) -> dict[str, Any]:
    return {
        "prompt": counted.prompt_tokens,
        "generation": counted.generation_tokens,
        "finished": dict(counted.finished),
        "histograms": {name: (each.counts, each.sum) for name, each in counted.histograms.items()},
    }


def _add(counted: ModelCounters, told: Mapping[str, Any]) -> None:
    counted.prompt_tokens += told["prompt"]
    counted.generation_tokens += told["generation"]
    counted.finished.update(told["finished"])
    for name, (counts, total) in told["histograms"].items():
        own = counted.histograms[name]
        own.counts = list(map(add, own.counts, counts))
        own.sum += total
