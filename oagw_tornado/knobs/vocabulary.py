"""The knobs of timing and faults: one vocabulary for options, environment, file, rules, headers and queries.

`VOCABULARY` names every knob once for each form it can be given in; `Knobs` is the value that holds for one request.
Precedence (request over rule over server) is `resolve` applied three times, each over the result of the last.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import unquote_plus

from oagw_tornado.knobs.outage import Outage, parse_outage
from oagw_tornado.knobs.rate_limit import RateLimit, parse_rate_limit
from oagw_tornado.knobs.values import parse_flag, parse_limit, parse_number, parse_status, parse_whole, parse_word
from oagw_tornado.reply.sse import LINE_ENDINGS
from oagw_tornado.units.documents import quoted
from oagw_tornado.units.durations import LONGEST, format_duration, parse_duration
from oagw_tornado.units.knob_errors import KnobError
from oagw_tornado.units.latency import ZERO, Fixed, Latency, Trace, parse_latency
from oagw_tornado.units.record import record

if TYPE_CHECKING:
    from oagw_tornado.faults import Faults
    from oagw_tornado.reply.answer import Answer
    from oagw_tornado.reply.parts import Script

QUERY_PREFIX = "sim-"

#: Stands in every model's name that has knobs in it; `model_name` reads them.
MODEL_MARK = b".sim."

_GATE = re.compile(r"[A-Za-z0-9._~:-]{1,128}", re.ASCII)


class Lifetime(NamedTuple):
    """Lifetime of an access token."""

    seconds: float

    def __str__(self) -> str:
        return format_duration(self.seconds)


class KeepAlive(NamedTuple):
    """A keep-alive in a stream that has been silent for `interval` seconds."""

    interval: float
    form: Literal["own", "comment", "event"] = "own"
    """That of the service, or a comment where it has none; always a comment; an event."""

    def __str__(self) -> str:
        return format_duration(self.interval) + ("" if self.form == "own" else f";form={self.form}")


@record
class Knobs:
    """The knobs in effect for one request. Times in seconds; None means not set: the service's own behaviour."""

    latency: Latency = ZERO
    header_delay: Latency = ZERO
    time_to_first_token: Latency = ZERO
    inter_token_latency: Latency = Fixed(0.050)
    event_interval: Latency = Fixed(0.100)
    output_tokens: int | None = None
    tokens_per_event: int = 1
    events_per_write: int = 1
    seed: int | None = None
    time_factor_under_load: float = 1.0
    max_concurrency: int = 100
    max_num_seqs: int | None = None
    max_waiting_queue_length: int = 1000
    queue_full_status: int = 429
    max_model_len: int | None = None
    filler: bool = False
    fault: Faults | None = None
    rate_limit: RateLimit | None = None
    outage: Outage | None = None
    token_lifetime: Lifetime = Lifetime(3600.0)
    gate: str | None = None
    line_ending: Literal["lf", "cr", "crlf"] = "lf"
    opening: Literal["with-head", "with-first-token"] = "with-head"
    """When that leaves which a service says before its first token."""
    keep_alive: KeepAlive | None = None
    replay_speed: float = 1.0
    """How many times as fast as recorded; 0: at once."""
    source: Literal["upstream", "gateway"] | None = None
    """Who is to blame for an injected error or a limit. Rules set it."""
    reply: Script | Answer | None = None
    """What is said in the place of what the service says. Rules set it."""
    own_fault: bool = field(default=False, compare=False)
    """The request asked for this fault itself, and is told if it can have no meaning for its reply."""

    # Made from the others once, as they are looked at for every request.
    immediate: bool = field(init=False, compare=False)
    """A reply that is sent whole goes out at once, as it is."""
    amends: bool = field(init=False, compare=False)
    """The reply itself is another, not only its schedule."""
    plays_as_said: bool = field(init=False, compare=False)
    """A stream leaves as the service said it, each event by itself: only its times are to be planned."""
    draws: bool = field(init=False, compare=False)
    """Something is drawn from the request's generator."""
    server_timing: bytes = field(init=False, compare=False)
    """The header line that states the plan (W3C Server Timing), in milliseconds: the centre of each distribution, with
    the distribution itself as its description."""

    def __post_init__(self) -> None:
        times = (
            self.latency,
            self.header_delay,
            self.time_to_first_token,
            self.inter_token_latency,
            self.event_interval,
        )
        assign = object.__setattr__
        assign(self, "immediate", self.latency.is_zero and not self.fault and self.gate is None)
        assign(self, "amends", bool(self.fault) or self.line_ending != "lf")
        drawn = bool(self.fault) or (self.reply is not None and self.reply.draws)
        assign(self, "draws", drawn or not all(time.is_fixed for time in times))
        assign(self, "plays_as_said", not self.fault and self.gate is None and self.events_per_write == 1)
        metrics = [
            _metric(name, time)
            for name, time in zip(("latency", "header", "ttft", "itl", "interval"), times, strict=True)
            if name in ("ttft", "itl") or not time.is_zero
        ]
        assign(self, "server_timing", b"Server-Timing: %b\r\n" % ", ".join(metrics).encode())


class Knob(NamedTuple):
    """One knob in one of its forms. `parse` turns a text into a value; its ValueError says what was expected."""

    name: str
    """As options, files, rules, ``X-Sim-<Name>`` and ``sim-<name>`` have it."""
    field: str
    """Of `Knobs`."""
    parse: Callable[[str], Any]
    help: str
    metavar: str
    form_of: str = ""
    """The knob that this is another form of; both set the same field."""
    is_flag: bool = False
    """As an option it needs no value."""


def resolve(base: Knobs, given: Mapping[str, str]) -> Knobs:
    """`base` with the knobs that are `given` by name replaced. Raises KnobError."""
    return replace(base, **read_knobs(given)) if given else base


#: Characters of a value given over HTTP, such as the times of a trace; a file may give more.
LONGEST_VALUE = 2**15


def read_knobs(given: Mapping[str, str]) -> dict[str, Any]:
    """The values of the knobs that are `given` by name, by their fields of `Knobs`.

    Raises KnobError for a name that is not in the vocabulary, for a value that is not one, and for two forms of the
    same knob side by side: neither of them is the one that counts.
    """
    values: dict[str, Any] = {}
    forms: dict[str, str] = {}
    for name, text in given.items():
        knob = VOCABULARY.get(name)
        if knob is None:
            raise KnobError(name[:80], f"no such knob; expected one of {', '.join(VOCABULARY)}")
        if knob.field in forms:
            raise KnobError(name, f"cannot be combined with {forms[knob.field]}, another form of it")
        forms[knob.field] = name
        if len(text) > LONGEST_VALUE:
            raise KnobError(name, f"expected at most {LONGEST_VALUE} characters")
        try:
            values[knob.field] = knob.parse(text)
        except ValueError as error:
            raise KnobError(name, str(error)) from None
    return values


def knobs_in_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The knobs in ``X-Sim-<Name>`` headers, by name; the names are in the form that tornado gives to all headers.

    The values of a repeated header are joined by commas, for example several faults.
    """
    # Looked for in every request, and hardly ever there.
    names = [name for name in headers if name[:6] == "X-Sim-"]
    return {name[6:].lower(): headers[name] for name in names} if names else {}


def split_query(query: str) -> tuple[str, dict[str, str]]:
    """The query without its ``sim-<name>`` parameters, byte for byte, and the knobs in these, by name."""
    rest: list[str] = []
    given: dict[str, str] = {}
    for part in query.split("&"):
        if part.startswith(QUERY_PREFIX):
            name, _, value = part.partition("=")
            _add(given, unquote_plus(name[len(QUERY_PREFIX) :]), unquote_plus(value))
        else:
            rest.append(part)
    return "&".join(rest), given


def as_text(value: object) -> str:
    """A value from JSON or YAML as `Knob.parse` reads it; a list of texts and numbers is joined by commas.

    Raises ValueError if it cannot be written as a single text.
    """
    if isinstance(value, list):
        return ",".join(map(_word, value))
    return _word(value)


def _word(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (int, float)):
        raise ValueError(f"expected a text or a number, not {quoted(value)}")
    # Python refuses to write out an integer of thousands of digits, and no knob takes one.
    return str(value) if isinstance(value, float) or value.bit_length() <= 256 else quoted(value)


def _add(given: dict[str, str], name: str, value: str) -> None:
    given[name] = f"{given[name]},{value}" if name in given else value


def _metric(name: str, time: Latency) -> str:
    text = f"{name};dur={time.typical * 1000:.6f}".rstrip("0").rstrip(".")
    if isinstance(time, Fixed):
        return text
    words = str(time if not isinstance(time, Trace) else Trace(time.offsets[:20]))
    return f'{text};desc="{words if len(words) <= 60 else words[:57] + "..."}"'


def _tokens_per_second(text: str) -> Latency:
    try:
        return Fixed(1 / parse_number(1 / LONGEST, 1_000_000)(text))
    except ValueError:
        raise ValueError(f"{text[:80]!r} is not a number above 0, of at least one a day and at most 1000000") from None


def _faults(text: str) -> Faults:
    from oagw_tornado.faults import parse_faults  # not before somebody wants a fault

    return parse_faults(text)


def parse_gate(text: str) -> str | None:
    """The name of a gate; None for ``none``, which is no gate. Raises ValueError."""
    if text in ("", "none"):
        return None
    if not _GATE.fullmatch(text):
        raise ValueError(f"{text[:80]!r} is not a gate name (1 to 128 letters, digits and . _ ~ : -), nor none")
    return text


def _rate_limit(text: str) -> RateLimit | None:
    return None if text in ("", "none") else parse_rate_limit(text)


def _lifetime(text: str) -> Lifetime:
    seconds = parse_duration(text)
    if seconds < 0.001:
        raise ValueError(f"{text[:80]!r}: expected at least 1ms")
    return Lifetime(seconds)


def _keep_alive(text: str) -> KeepAlive | None:
    if text in ("", "none", "0"):
        return None
    first, _, parameter = (part.strip() for part in text.partition(";"))
    interval = parse_duration(first)
    if interval < 0.001:
        raise ValueError(f"{text[:80]!r}: expected an interval of at least 1ms")
    if parameter == "":
        return KeepAlive(interval)
    if parameter == "form=comment":
        return KeepAlive(interval, "comment")
    if parameter == "form=event":
        return KeepAlive(interval, "event")
    raise ValueError(f"{parameter[:80]!r} is not form=comment or form=event")


# fmt: off
_KNOBS = (
    Knob("latency", "latency", parse_latency,
         "delay before a reply that is sent whole", "LATENCY"),
    Knob("header-delay", "header_delay", parse_latency,
         "delay before the status line and headers of a stream", "LATENCY"),
    Knob("time-to-first-token", "time_to_first_token", parse_latency,
         "delay before the first content event of a stream", "LATENCY"),
    Knob("ttft", "time_to_first_token", parse_latency,
         "short for time-to-first-token", "LATENCY", "time-to-first-token"),
    Knob("inter-token-latency", "inter_token_latency", parse_latency,
         "gap between the content events of a stream", "LATENCY"),
    Knob("itl", "inter_token_latency", parse_latency,
         "short for inter-token-latency", "LATENCY", "inter-token-latency"),
    Knob("tokens-per-second", "inter_token_latency", _tokens_per_second,
         "inter-token-latency as a rate", "NUMBER", "inter-token-latency"),
    Knob("event-interval", "event_interval", parse_latency,
         "gap between the events of stream-test", "LATENCY"),
    Knob("output-tokens", "output_tokens", parse_whole(0, 1_000_000),
         "content events of a streamed completion, or words of a whole one", "N"),
    Knob("tokens-per-event", "tokens_per_event", parse_whole(1, 10_000),
         "tokens per content event", "N"),
    Knob("events-per-write", "events_per_write", parse_whole(1, 10_000),
         "events per write; a write leaves when its last event is due", "N"),
    Knob("filler", "filler", parse_flag,
         "reply with as many single-token words as requested instead of an answer", "FLAG", is_flag=True),
    Knob("max-model-len", "max_model_len", parse_limit(1_000_000_000),
         "context length: most tokens of a prompt and its reply; more are refused; none: no limit", "N"),
    Knob("seed", "seed", parse_whole(0, 2**63 - 1),
         "random seed: the same seed and request give the same schedule", "N"),
    Knob("time-factor-under-load", "time_factor_under_load", parse_number(1, 1000),
         "factor applied to all times at max-concurrency requests in flight; proportionally less below", "FACTOR"),
    Knob("max-concurrency", "max_concurrency", parse_whole(1, 1_000_000),
         "requests in flight at which time-factor-under-load applies in full", "N"),
    Knob("max-num-seqs", "max_num_seqs", parse_limit(1_000_000),
         "requests per alias that run at once; further ones queue in order; none: no limit", "N"),
    Knob("max-waiting-queue-length", "max_waiting_queue_length", parse_whole(0, 1_000_000),
         "requests per alias that may queue; further ones are rejected", "N"),
    Knob("queue-full-status", "queue_full_status", parse_status,
         "status of requests rejected by a full queue: 429 or 503", "STATUS"),
    Knob("fault", "fault", _faults,
         "faults to inject: TYPE[;PARAM=VALUE…], separated by commas; none", "FAULT"),
    Knob("rate-limit", "rate_limit", _rate_limit,
         "rate limit per alias and key: 60/min[;burst=10][;tokens=10000/min]; none", "LIMIT"),
    Knob("outage", "outage", parse_outage,
         "when an upstream is unavailable: every 60s for 5s[;code=503]; none", "TIMETABLE"),
    Knob("token-lifetime", "token_lifetime", _lifetime,
         "lifetime of access tokens issued by the oauth upstream", "DURATION"),
    Knob("gate", "gate", parse_gate,
         "hold each event until POST /_sim/gates/NAME/release lets it pass", "NAME"),
    Knob("line-ending", "line_ending", parse_word(*LINE_ENDINGS),
         "line endings of server-sent events: lf, cr or crlf", "NAME"),
    Knob("opening", "opening", parse_word("with-head", "with-first-token"),
         "when events that precede the first token (role, message_start, response.created) leave: with-head, as "
         "from the real services, or with-first-token", "NAME"),
    Knob("keep-alive", "keep_alive", _keep_alive,
         "keep-alive interval of a silent stream: INTERVAL[;form=comment|event]", "INTERVAL"),
    Knob("replay-speed", "replay_speed", parse_number(0, 1_000_000),
         "replay recordings this many times as fast as they were recorded; 0: all at once", "FACTOR"),
)
# fmt: on

VOCABULARY: Mapping[str, Knob] = {knob.name: knob for knob in _KNOBS}
