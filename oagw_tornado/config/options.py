"""Every option of the server on one screen: its name, its field of `Config`, how a text becomes a value.

The command line, the environment, the configuration file, ``--help``, ``/_sim/config`` and the README's table are
all made from `OPTIONS`. The knobs of `oagw_tornado.knobs.vocabulary` are options too; they follow the server's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from oagw_tornado.config.listeners import parse_listener, parse_tls_fault
from oagw_tornado.config.option_values import (
    listed,
    masked,
    one_of,
    parse_client,
    parse_control_host,
    parse_engine,
    parse_fields,
    parse_host,
    parse_model,
    parse_mount,
    parse_name,
    parse_origin,
    parse_path,
    parse_per,
    parse_resolution,
    parse_state,
    parse_token,
    parse_workers,
    show_resolution,
    shown_clients,
    shown_mounts,
    whole,
    within,
)
from oagw_tornado.knobs.values import parse_flag
from oagw_tornado.knobs.vocabulary import VOCABULARY
from oagw_tornado.units.durations import LONGEST, format_duration, parse_duration
from oagw_tornado.units.sizes import format_size, parse_size

ENVIRONMENT_PREFIX = "OAGW_SIM_"

#: The group of the knobs.
TIMING = "Replies: timing and failures"


def shown(value: Any) -> Any:
    """A value as JSON has it: a number, a truth or nothing as they are, all else in the words it is given in."""
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


class Option(NamedTuple):
    """One option. `parse` makes a value of a text and raises ValueError, which says what was expected."""

    name: str
    field: str
    parse: Callable[[str], Any]
    metavar: str
    help: str
    group: str
    show: Callable[[Any], Any] = shown
    is_flag: bool = False
    """Takes no value on the command line; ``--no-<name>`` turns it off."""
    is_repeatable: bool = False
    is_list: bool = False
    """One text may hold several of the repeatable values."""
    is_knob: bool = False
    form_of: str = ""
    """The option that this is another form of; both set the same field."""
    is_secret: bool = False
    is_live: bool = False
    """May be changed over HTTP while the server runs."""
    is_fixed: bool = False
    """Holds until the server is started anew: reading the file again cannot change it."""
    given: Callable[[Any], Any] | None = None
    """The value as it was given, where `show` masks it."""

    @property
    def environment(self) -> str:
        return ENVIRONMENT_PREFIX + self.name.upper().replace("-", "_")


CONFIG = Option("config", "", str, "FILE", "YAML file with options by these names, and rules", "Configuration")


def _table() -> dict[str, Option]:
    listen, tls, access, limits, replay = "Listening", "TLS", "Access", "Limits", "Recordings"
    evidence, engine, output = "Evidence and control", "Engine", "Output"
    scale = "More cores, more machines"
    patience = within(parse_duration, format_duration, 0.001, LONGEST)
    header_size = within(parse_size, format_size, 1024, 2**24)
    count = whole("a whole number from 0 to 1000000", 0, 1_000_000)
    port = whole("a port number from 0 to 65535", 0, 65535)
    # fmt: off
    options = [
        Option("watch", "watch", parse_flag, "",
               "reload the --config file when it changes, as SIGHUP does", CONFIG.group, is_flag=True),
        Option("host", "host", parse_host, "ADDRESS", "address to listen on", listen, is_fixed=True),
        Option("port", "port", port, "PORT", "port to listen on; 0 picks a free one, shown in the ready line", listen,
               is_fixed=True),
        Option("listen", "listen", parse_listener, "URL",
               "additional address; replaces --host and --port unless these are given: http://127.0.0.1:8765, "
               "https://[::1]:8443, unix:/run/oagw.sock, fd://3; may be repeated", listen, listed, is_repeatable=True,
               is_fixed=True),
        Option("proxy-protocol", "proxy_protocol", parse_flag, "",
               "expect a PROXY protocol header (version 1 or 2) on every connection", listen,
               is_flag=True, is_fixed=True),
        Option("tls", "tls", one_of("off", "auto"), "NAME",
               "auto: create a local certificate authority, once, and a certificate for this machine", tls,
               is_fixed=True),
        Option("tls-cert", "tls_cert", parse_path, "FILE",
               "certificate chain in PEM format; reloaded when it changes", tls, is_fixed=True),
        Option("tls-key", "tls_key", parse_path, "FILE", "private key, unless --tls-cert contains it", tls,
               is_fixed=True),
        Option("tls-client-ca", "tls_client_ca", parse_path, "FILE",
               "certificate authority that must have signed client certificates (mutual TLS)", tls, is_fixed=True),
        Option("tls-fault", "tls_fault", parse_tls_fault, "FAULT",
               "expired, wrong-host, self-signed, slow-handshake=2s or reset-in-handshake; for one address only: "
               "--listen https://127.0.0.1:8443?tls-fault=expired", tls, is_fixed=True),
        Option("token", "tokens", parse_token, "TOKEN",
               "bearer token that the gateway accepts; @oauth: those issued by the oauth upstream; may be repeated",
               access, masked, is_repeatable=True, is_secret=True, given=list),
        Option("admin-token", "admin_token", parse_token, "TOKEN",
               "bearer token for /_sim and /metrics; without one, they answer only programs on this machine", access,
               masked, is_secret=True, given=str),
        Option("control-listen", "control_listen", parse_listener, "URL",
               "address for /_sim and /metrics only, which then leave all others; as for --listen; may be repeated",
               access, listed, is_repeatable=True, is_fixed=True),
        Option("control-host", "control_hosts", parse_control_host, "NAME",
               "host name accepted for /_sim and /metrics without a token, besides localhost and loopback "
               "addresses; may be repeated", access, show=list, is_repeatable=True),
        Option("oauth-client", "oauth_clients", parse_client, "ID:SECRET",
               "client that the oauth upstream accepts; without one, it accepts any; may be repeated", access, masked,
               is_repeatable=True, is_secret=True, given=shown_clients),
        Option("mount", "mounts", parse_mount, "ALIAS=PREFIX",
               "also serve an upstream at this path prefix: openai=/ for clients that take only a host; "
               "may be repeated", listen, shown_mounts, is_repeatable=True),
        Option("cors", "cors", parse_origin, "ORIGIN",
               "origin allowed to make cross-origin requests (http://localhost:3000), or * for all; may be repeated",
               access, show=list, is_repeatable=True),
        Option("token-in-query", "token_in_query", parse_flag, "",
               "accept the bearer token in ?access_token=, for clients that cannot set headers (EventSource)", access,
               is_flag=True),
        Option("openai-profile", "openai_profile", one_of("prototype", "openai"), "NAME",
               "shape of OpenAI replies: prototype, or openai to match the real service", TIMING, is_live=True),
        Option("strict-requests", "strict_requests", parse_flag, "",
               "validate histories and tools as strictly as the real services do (default: for the openai profile "
               "and for anthropic)", TIMING, is_flag=True, is_live=True),
        Option("models", "models", parse_model, "NAME",
               "model to list; names starting with claude are listed by anthropic, others by openai; may be repeated",
               TIMING, show=list, is_repeatable=True),
        Option("strict", "strict", parse_flag, "",
               "answer 503 to requests that no rule answers, naming the nearest rule", TIMING, is_flag=True,
               is_live=True),
        Option("reasoning-field", "reasoning_field", one_of("reasoning_content", "reasoning", "both"), "NAME",
               "field of a chat completion that holds the reasoning: reasoning_content, reasoning or both", TIMING,
               is_live=True),
        Option("prompt-cache", "prompt_cache", parse_flag, "",
               "report prompt tokens shared with earlier requests as cached, as the real services do",
               TIMING, is_flag=True, is_live=True),
        Option("model-name-knobs", "model_name_knobs", parse_flag, "",
               "accept knobs in the model name, such as gpt-4.sim.ttft-200ms (default: yes)", TIMING,
               is_flag=True, is_live=True),
        Option("replay", "replay", parse_path, "DIR",
               "answer requests with the recordings in this directory, for the upstreams recorded there", replay,
               is_live=True),
        Option("replay-ignore", "replay_ignore", parse_fields, "FIELDS",
               "request fields to ignore when looking for a recording: user,metadata.id,messages[].id,?parameter; may "
               "be repeated", replay, listed, is_repeatable=True, is_list=True, is_live=True),
        Option("replay-per", "replay_per", parse_per, "WHAT",
               "step through several recordings of one request separately for each session, identified by header:NAME, "
               "bearer or json:EXPRESSION", replay, is_live=True),
        Option("on-miss", "on_miss", one_of("fail", "pass", "record"), "NAME",
               "what to do with a request that has no recording: fail (504), pass it to the upstream, or record the "
               "upstream's reply", replay, is_live=True),
        Option("record", "record", parse_path, "DIR",
               "record the replies of real upstreams in this directory, one file per request", replay),
        Option("record-max", "record_max", parse_size, "SIZE",
               "size limit of all recordings in a directory; beyond it, recording stops", replay, format_size),
        Option("max-body-size", "max_body_size", parse_size, "SIZE",
               "largest request body; larger ones get a 413", limits, format_size),
        Option("max-buffered", "max_buffered", parse_size, "SIZE",
               "total unsent bytes that slow clients may cause; beyond it, a connection is reset",
               limits, format_size, is_live=True),
        Option("max-header-size", "max_header_size", header_size, "SIZE",
               "largest request head: request line and headers; larger ones get a 431", limits, format_size),
        Option("max-header-lines", "max_header_lines", whole("a whole number from 1 to 10000", 1, 10_000), "N",
               "most header lines per request; more get a 431", limits),
        Option("header-timeout", "header_timeout", patience, "DURATION",
               "time allowed to send the request head", limits, format_duration),
        Option("body-timeout", "body_timeout", patience, "DURATION",
               "time allowed to send the body, extended while it arrives at 16 KiB/s or more", limits, format_duration),
        Option("idle-timeout", "idle_timeout", patience, "DURATION",
               "how long a connection may stay open between requests", limits, format_duration),
        Option("gate-timeout", "gate_timeout", parse_duration, "DURATION",
               "how long a gated stream waits for its release before it fails", limits, format_duration,
               is_live=True),
        Option("drain-timeout", "drain_timeout", parse_duration, "DURATION",
               "how long replies in progress may take to finish after SIGTERM or SIGINT", limits, format_duration,
               is_live=True),
        Option("journal-size", "journal_size", count, "N", "requests kept in /_sim/requests; 0: none", evidence),
        Option("journal-memory", "journal_memory", parse_size, "SIZE",
               "memory limit of the journal; the oldest entries are dropped beyond it", evidence, format_size),
        Option("journal-body-size", "journal_body_size", parse_size, "SIZE",
               "largest part of each request body that the journal keeps", evidence, format_size),
        Option("unmasked", "unmasked", parse_name, "NAME",
               "header, parameter or field to show unmasked, besides the built-in list; may be repeated", evidence,
               show=list, is_repeatable=True),
        Option("no-control", "no_control", parse_flag, "", "turn /_sim and /metrics off", evidence, is_flag=True),
        Option("workers", "workers", parse_workers, "N",
               "processes that serve at the same addresses, one core each; auto: one per processor; more than one "
               "require --state", scale, lambda workers: workers or "auto", is_fixed=True),
        Option("state", "state", parse_state, "URL",
               "Redis or Valkey server for the state that workers and machines share: redis://127.0.0.1:6379/0; "
               "?prefix=NAME separates several simulators on one server", scale, is_secret=True, is_fixed=True),
        Option("http-server", "http_server", parse_engine, "NAME",
               "HTTP engine: fast, tornado (the stock one) or auto (fast); httptools is an alias of fast", engine,
               is_fixed=True),
        Option("loop", "loop", one_of("auto", "asyncio", "uvloop"), "NAME",
               "event loop: uvloop, asyncio or auto (uvloop where installed)", engine, is_fixed=True),
        Option("pacer-resolution", "pacer_resolution", parse_resolution, "auto|DURATION",
               "width of the pacer's time slots: an event leaves in the first slot that is not early; auto: from 50us "
               "to 250us, depending on the load", engine,
               show_resolution, is_fixed=True),
        Option("realtime", "realtime", parse_flag, "",
               "ask the system for accuracy (real-time priority, locked memory, processors that wake at once), and "
               "report at start what it refused", engine, is_flag=True, is_fixed=True),
        Option("log-level", "log_level", one_of("critical", "error", "warning", "info", "debug"), "LEVEL",
               "least severe message that is logged: critical, error, warning, info or debug", output),
        Option("access-log", "access_log", parse_flag, "",
               "log a line per request (default: only if stderr is a terminal)", output, is_flag=True),
    ]
    options += [
        Option(knob.name, knob.field, knob.parse, knob.metavar, knob.help, TIMING,
               is_knob=True, is_flag=knob.is_flag, form_of=knob.form_of, is_live=True)
        for knob in VOCABULARY.values()
    ]
    # fmt: on
    return {option.name: option for option in options}


OPTIONS: Mapping[str, Option] = _table()
