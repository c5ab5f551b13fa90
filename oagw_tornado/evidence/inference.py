"""The figures of an inference server for one alias, by model: tokens, times to the first token and between tokens.

The names, labels and buckets of the metrics are vLLM's (https://docs.vllm.ai/en/latest/usage/metrics.html), as load
generators and inference gateways expect them. They count what happened: a stream that was cut off after three tokens
counts three, and times are those at which its events left.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from itertools import chain
from operator import sub
from typing import TYPE_CHECKING, NamedTuple

from oagw_tornado.evidence.exchange import Exchange
from oagw_tornado.reply.inference import Inference

if TYPE_CHECKING:
    from prometheus_client import Metric

#: Names of models that are counted apart, of one alias; all further ones are counted as one.
MOST_MODELS = 64
OTHER_MODELS = "other"

#: Replies that are over and wait to be counted, so that the count is not on the path of every one. Each holds the
#: instants of its events, 8 KiB at most, and nothing of what a client sent but the name of its model.
MOST_PENDING = 500
#: Replies counted in one go, which costs each of them a third of what it would cost alone.
AT_A_TIME = 32
#: Of streams, only so many that they have about so many events.
EVENTS_AT_A_TIME = 2_000
#: Characters of that name.
LONGEST_MODEL = 200

FIRST_TOKEN_BUCKETS = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0, 2560.0),
)
TOKEN_BUCKETS = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0),
)
REQUEST_BUCKETS = (
    *(0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0),
    *(120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0),
)
COUNT_BUCKETS = tuple(float(digit * 10**power) for power in range(6) for digit in (1, 2, 5))


class Ended(NamedTuple):
    """What is counted of an `Exchange` that is over."""

    outcome: str
    events: int
    ended: float | None
    queued: float | None
    actual: array[float] | None


class Histogram:
    """Values in buckets, with their sum."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add_all(self, values: list[float]) -> None:
        """Count these: to sort many is cheaper than to find the bucket of each."""
        if not values:
            return
        values.sort()
        counted = 0
        for index in range(bisect_left(self.bounds, values[0]), len(self.bounds)):
            below = bisect_right(values, self.bounds[index])
            self.counts[index] += below - counted
            counted = below
            if counted == len(values):
                break
        self.counts[-1] += len(values) - counted
        self.sum += sum(values)

    def cumulative(self) -> list[tuple[str, float]]:
        """Upper bounds with the count of all values up to there, as Prometheus has them."""
        total, rows = 0, []
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            total += count
            rows.append((bound, float(total)))
        return rows


class ModelCounters:
    """What is counted of one model."""

    def __init__(self) -> None:
        self.prompt_tokens = 0
        self.generation_tokens = 0
        self.finished: Counter[str] = Counter()
        self.histograms = {name: Histogram(bounds) for name, (_, bounds) in HISTOGRAMS.items()}

    def count(self, over: list[tuple[Ended, Inference]]) -> None:
        """These exchanges are over, which were to say something."""
        ended = [exchange.ended or 0.0 for exchange, _ in over]
        queued = [exchange.queued or 0.0 for exchange, _ in over]
        prompts = [inference.prompt_tokens for _, inference in over]
        tokens = [tokens_sent(exchange, inference) for exchange, inference in over]
        self.prompt_tokens += sum(prompts)
        self.generation_tokens += sum(tokens)
        self.finished.update([finished_reason(exchange, inference) for exchange, inference in over])
        add = self._add
        add("request_inference_time_seconds", [max(0.0, end - turn) for end, turn in zip(ended, queued, strict=True)])
        add("e2e_request_latency_seconds", ended)
        add("request_prompt_tokens", list(map(float, prompts)))
        add("request_generation_tokens", list(map(float, tokens)))
        self._count_streams([pair for pair in over if pair[0].actual])
        add("request_queue_time_seconds", queued)

    def _count_streams(self, over: list[tuple[Ended, Inference]]) -> None:
        noted = ((exchange.queued or 0.0, token_times(exchange, inference)) for exchange, inference in over)
        streams = [(queued, times) for queued, times in noted if times]
        gaps = [list(map(sub, times[1:], times)) for _, times in streams if len(times) > 1]
        add = self._add
        add("time_to_first_token_seconds", [times[0] for _, times in streams])
        add("request_prefill_time_seconds", [max(0.0, times[0] - queued) for queued, times in streams])
        add("request_decode_time_seconds", [times[-1] - times[0] for _, times in streams])
        add("inter_token_latency_seconds", list(chain.from_iterable(gaps)))
        means = [(times[-1] - times[0]) / (len(times) - 1) for _, times in streams if len(times) > 1]
        add("request_time_per_output_token_seconds", means)

    def _add(self, name: str, values: list[float]) -> None:
        self.histograms[name].add_all(values)


#: Name without ``vllm:`` → its help and its buckets.
HISTOGRAMS: Mapping[str, tuple[str, tuple[float, ...]]] = {
    "time_to_first_token_seconds": ("From the request to the first token of a stream.", FIRST_TOKEN_BUCKETS),
    "inter_token_latency_seconds": ("Between the tokens of a stream.", TOKEN_BUCKETS),
    "request_time_per_output_token_seconds": ("Mean time between the tokens of a stream.", TOKEN_BUCKETS),
    "e2e_request_latency_seconds": ("From the request to the end of its reply.", REQUEST_BUCKETS),
    "request_queue_time_seconds": ("Time in the waiting queue.", REQUEST_BUCKETS),
    "request_inference_time_seconds": ("From the turn of a request to the end of its reply.", REQUEST_BUCKETS),
    "request_prefill_time_seconds": ("From the turn of a request to its first token.", REQUEST_BUCKETS),
    "request_decode_time_seconds": ("From the first token to the last.", REQUEST_BUCKETS),
    "request_prompt_tokens": ("Tokens of the prompt.", COUNT_BUCKETS),
    "request_generation_tokens": ("Tokens of the reply.", COUNT_BUCKETS),
}

#: Names under which vLLM had, and many a dashboard still has, the same.
OLD_NAMES = {"inter_token_latency_seconds": "time_per_output_token_seconds"}


class InferenceCounters:
    """What is counted of one alias, by model."""

    def __init__(self) -> None:
        self.models: dict[str, ModelCounters] = {}
        self._pending: deque[tuple[Ended, Inference]] = deque()

    def over(self, exchange: Exchange, inference: Inference) -> None:
        """An exchange is over that was to say something: it is counted later."""
        if len(inference.model) > LONGEST_MODEL:
            inference = inference._replace(model=inference.model[:LONGEST_MODEL])
        pending = self._pending
        ended = Ended(exchange.outcome, exchange.events, exchange.ended, exchange.queued, exchange.actual)
        pending.append((ended, inference))
        if len(pending) > MOST_PENDING:
            self.settle(AT_A_TIME)

    def settle(self, most: int) -> bool:
        """Count up to `most` of those that wait for it, fewer of long streams; True if more are left. Call until False
        before reading."""
        pending = self._pending
        by_model: dict[str, list[tuple[Ended, Inference]]] = {}
        events = 0
        while pending and most > 0 and events < EVENTS_AT_A_TIME:
            pair = pending.popleft()
            by_model.setdefault(pair[1].model, []).append(pair)
            most -= 1
            events += len(pair[0].actual or ())
        for model, over in by_model.items():
            self.of(model).count(over)
        return bool(pending)

    def of(self, model: str) -> ModelCounters:
        """The counters of a model; of all others together, once there are many."""
        found = self.models.get(model)
        if found is None:
            if len(self.models) >= MOST_MODELS and model != OTHER_MODELS:
                return self.of(OTHER_MODELS)
            found = self.models[model] = ModelCounters()
        return found


def tokens_sent(exchange: Exchange | Ended, inference: Inference) -> int:
    """The tokens that have left."""
    if not inference.contents:
        return inference.output_tokens if exchange.outcome == "complete" else 0
    events = min(max(exchange.events - inference.opening, 0), inference.contents)
    return inference.output_tokens * events // inference.contents


def token_times(exchange: Exchange | Ended, inference: Inference) -> array[float]:
    """The offsets at which tokens left, as far as they were noted."""
    if exchange.actual is None:
        return array("d")
    return exchange.actual[inference.opening : inference.opening + inference.contents]


def finished_reason(exchange: Exchange | Ended, inference: Inference) -> str:
    """Why a request is over, in vLLM's words."""
    if exchange.outcome == "complete":
        return "length" if inference.finish == "length" else "stop"
    return "abort" if exchange.outcome == "client-left" else "error"


class Load(NamedTuple):
    """What an alias is doing right now."""

    running: Mapping[str, int]
    """Requests under way, by model."""
    waiting: int
    under_way: tuple[tuple[Exchange, Inference], ...] = ()
    most: int | None = None
    """Requests that may run; None: no limit."""


class InferenceCollector:
    """A collector as prometheus_client wants it: vLLM's metrics of one alias."""

    def __init__(self, counters: InferenceCounters, load: Load, models: Iterable[str]) -> None:
        self._counters = counters
        self._load = load
        # Models that nobody has asked for yet are there too, at zero, as on a server that has just started.
        self._models = [*dict.fromkeys((*models, *counters.models, *load.running))]

    def collect(self) -> Iterable[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        load, names = self._load, ("model_name", "engine")
        running = GaugeMetricFamily("vllm:num_requests_running", "Requests that run.", labels=names)
        waiting = GaugeMetricFamily("vllm:num_requests_waiting", "Requests that wait for their turn.", labels=names)
        cache = GaugeMetricFamily(
            "vllm:kv_cache_usage_perc", "Share of max-num-seqs that runs; 0 without a limit.", labels=names
        )
        share = min(1.0, sum(load.running.values()) / load.most) if load.most else 0.0
        for index, model in enumerate(self._models):
            running.add_metric((model, "0"), load.running.get(model, 0))
            # The bodies of waiting requests have not been read yet: they count for the first model.
            waiting.add_metric((model, "0"), 0 if index else load.waiting)
            cache.add_metric((model, "0"), share)
        yield from (running, waiting, cache)
        prompt = CounterMetricFamily("vllm:prompt_tokens", "Tokens of prompts.", labels=names)
        generated = CounterMetricFamily("vllm:generation_tokens", "Tokens of replies.", labels=names)
        preempted = CounterMetricFamily("vllm:num_preemptions", "Requests that were set back; none is.", labels=names)
        success = CounterMetricFamily("vllm:request_success", "Requests over.", labels=(*names, "finished_reason"))
        for model in self._models:
            counted = self._counters.models.get(model) or ModelCounters()
            begun = [pair for pair in load.under_way if pair[1].model == model]
            prompt.add_metric((model, "0"), counted.prompt_tokens + sum(each.prompt_tokens for _, each in begun))
            sent = sum(tokens_sent(exchange, inference) for exchange, inference in begun)
            generated.add_metric((model, "0"), counted.generation_tokens + sent)
            preempted.add_metric((model, "0"), 0)
            for reason in ("stop", "length", "abort", "error"):
                success.add_metric((model, "0", reason), counted.finished[reason])
        yield from (prompt, generated, preempted, success)
        yield from self._histograms()

    def _histograms(self) -> Iterable[Metric]:
        from prometheus_client.core import HistogramMetricFamily

        nothing = ModelCounters()
        for name, (help, _) in HISTOGRAMS.items():
            for called in (name, OLD_NAMES.get(name)):
                if called is None:
                    continue
                family = HistogramMetricFamily(f"vllm:{called}", help, labels=("model_name", "engine"))
                for model in self._models:
                    histogram = (self._counters.models.get(model) or nothing).histograms[name]
                    family.add_metric((model, "0"), histogram.cumulative(), histogram.sum)
                yield family
