"""The simulator under terms that cost something: what a gap, a length, a slot, the journal and rules are worth."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from benchmarks import machine
from benchmarks.servers import SIMULATOR, Server, Streams, chat, get, proxied, simulator_words

#: Of the lognormal gaps; their median is such that their mean is that of the fixed gap.
SIGMA = 0.4
MEDIAN_OF_MEAN = 0.9231163463866358  # exp(-SIGMA² / 2)


def _chat(knobs: Callable[[Streams], str]) -> Callable[[Streams], bytes]:
    """How a chat is asked for whose terms are `knobs`, a query."""
    return lambda streams: chat(simulator_words(streams), stream=True, query=f"?{knobs(streams)}")


def _fixed(streams: Streams) -> str:
    return f"sim-itl={streams.gap * 1000:g}ms"


def _lognormal(streams: Streams) -> str:
    return f"sim-itl=lognormal({streams.gap * MEDIAN_OF_MEAN * 1000:.3f}ms,{SIGMA})"


def _late_fault(streams: Streams) -> str:
    """A stall of no length two events before the end: the stream has a fault in it, and is whole all the same."""
    return f"{_fixed(streams)}&sim-fault=stall;at-event={streams.events - 3};for=1ms"


def _events(streams: Streams) -> bytes:
    return get(proxied(f"stream-test/events?count={streams.events}&interval={streams.gap * 1000:g}ms"))


FIXED = replace(SIMULATOR, name="fixed", title="a fixed gap", stream=_chat(_fixed))
LOGNORMAL = replace(SIMULATOR, name="lognormal", title="lognormal gaps", stream=_chat(_lognormal))
STREAM_TEST = replace(SIMULATOR, name="stream-test", title="stream-test's events", stream=_events, words_from=-1)
LATE_FAULT = replace(SIMULATOR, name="late-fault", title="a fault at a late event", stream=_chat(_late_fault))

SHORTER = replace(SIMULATOR, name="shorter", title="200 events")
LONGER = replace(SIMULATOR, name="longer", title="400 events")


def _with(name: str, title: str, *options: str) -> Server:
    return replace(SIMULATOR, name=name, title=title, command=lambda port: [*SIMULATOR.command(port), *options])


RESOLUTIONS = {
    width: _with(width, f"slots of {shown}", "--pacer-resolution", width)
    for width, shown in (
        ("50us", "50 µs"),
        ("100us", "100 µs"),
        ("250us", "250 µs"),
        ("500us", "500 µs"),
        ("1ms", "1 ms"),
        ("2ms", "2 ms"),
        ("auto", "a width that follows the load (`auto`)"),
    )
}


def _with_rules(count: int) -> Server:
    """Rules of the same alias, none of which fits the request: each is looked at, and none changes anything."""

    def command(port: int) -> list[str]:
        file = machine.CACHE / f"rules-{count}.yaml"
        matches = [{"alias": "weather", "path": f"forecast/{number}"} for number in range(count)]
        rules = [{"match": match, "latency": "1s"} for match in matches]
        file.write_text(json.dumps({"rules": rules}))
        return [*SIMULATOR.command(port), "--config", str(file)]

    title = f"{count} rule{'s' if count > 1 else ''} that do{'' if count > 1 else 'es'} not fit"
    return replace(SIMULATOR, name=f"rules-{count}", title=title, command=command)


TERMS = {
    server.name: server
    for server in (
        replace(SIMULATOR, name="plain", title="as it comes: a journal, no rules"),
        _with("no-journal", "no journal", "--journal-size", "0"),
        _with_rules(1),
        _with_rules(10),
        _with_rules(100),
    )
}
