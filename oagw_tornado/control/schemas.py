"""The JSON schemas of requests and replies of the gateway and the control plane."""

from __future__ import annotations

from typing import Any

from oagw_tornado.conduct.judging import RULES
from oagw_tornado.config.options import OPTIONS
from oagw_tornado.evidence.request_filter import NAMES
from oagw_tornado.knobs.rule_schema import RULE, UPSTREAM

Schema = dict[str, Any]


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: dict[str, Schema], optional: tuple[str, ...] = ()) -> Schema:
    """An object of these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
WORD: Schema = {"type": ["string", "number", "boolean", "null"]}

_OUTCOME: Schema = {"type": ["string", "null"]}
_OFFSETS: Schema = {"type": "array", "items": NUMBER, "description": "Seconds from admission."}
_QUANTILES: Schema = {"type": ["number", "null"]}
_ERRORS: dict[str, Schema] = dict.fromkeys(("earliest", "p50", "p99", "max"), _QUANTILES)
_REPLAYED: dict[str, Schema] = {
    "recording": {"type": "string", "description": "The file, relative to its directory."},
    "number": {**COUNT, "description": "It is the how many-th recording of this request."},
    "of": COUNT,
    "speed": {"type": "number", "minimum": 0},
    "overridden": {"type": "array", "items": TEXT, "description": "Knobs in the place of recorded times."},
    "events": COUNT,
    "error_ms": {**_object(_ERRORS), "description": "How much later than recorded each event left."},
}

_REQUEST: dict[str, Schema] = {
    "id": {"type": "string", "description": "As X-Request-Id of the reply has it."},
    "time": {"type": "number", "description": "Unix time of its head, in seconds."},
    "client": TEXT,
    "method": TEXT,
    "target": {"type": "string", "description": "Path and query as received, credentials masked."},
    "path": TEXT,
    "alias": {"type": ["string", "null"]},
    "headers": {"type": "object", "additionalProperties": TEXT},
    "body": _object({"size": COUNT, "head": {"type": "string", "description": "Its first bytes, as UTF-8."}}),
    "knobs": {"type": ["object", "null"], "additionalProperties": WORD},
    "rule": {"type": ["string", "null"], "description": "The rule that applied."},
    "nearest": {"type": "array", "items": ref("Miss"), "description": "Rules that came near and did not apply."},
    "replay": _or_null(ref("Replayed")),
    "status": {"type": ["integer", "null"]},
    "source": {"enum": ["upstream", "gateway", None]},
    "waited": {
        "type": ["number", "null"],
        "description": "Seconds from the arrival of its last byte to its admission, at most; null if it was refused "
        "before its body.",
    },
    "queued": {
        "type": ["number", "null"],
        "description": "Seconds from admission to its turn under max-num-seqs; null before that, and without it.",
    },
    "events_sent": COUNT,
    "bytes_sent": COUNT,
    "events_blocked": {**COUNT, "description": "Events that waited for the client to read."},
    "first_event": {"type": ["number", "null"], "description": "Seconds from admission."},
    "faults": {
        "type": "array",
        "items": TEXT,
        "description": "Types of the faults that struck, in the order in which they did. How it ended is another fact.",
    },
    "outcome": {
        "type": ["string", "null"],
        "pattern": "^(complete|client-left|drained|gate-timeout|backlog-full|closed|killed|reset|cut|timeout"
        "|fault:[a-z-]+)$",
        "description": "How it ended; null while it runs. complete: all of it has left. client-left: the client"
        " went, or its connection broke, before that. fault:TYPE: that fault ended the reply. gate-timeout: nobody"
        " released its gate. backlog-full: it did not read, and there was no room for more. drained: the server ended."
        " closed: the server could not go on, and closed the connection. killed: its process was, and others that"
        " share its state tell of it. reset, cut, timeout: a"
        " real upstream, or the recording of one, ended so.",
    },
    "ended": {"type": ["number", "null"], "description": "Seconds from admission."},
}

#: Filters of the journal: schema and meaning.
_GLOB: Schema = {"type": "string", "maxLength": 1000}
FILTERS: dict[str, tuple[Schema, str]] = {
    "id": (TEXT, "Only those of this id."),
    "alias": (TEXT, "Only requests to this upstream."),
    "method": (TEXT, "Only requests of this method."),
    "source": (TEXT, "Only replies of the upstream, or of the gateway."),
    "status": ({"type": "string", "pattern": "^([0-9]{1,3}|[1-9]xx)$"}, "Only replies of this status, or like 4xx."),
    "path": (_GLOB, "Glob on the path as the service sees it."),
    "outcome": (_GLOB, "Glob on how it ended; empty: under way."),
    "rule": (_GLOB, "Glob on the rule that applied; empty: none."),
    "model": (_GLOB, "Glob on `model` of a JSON body."),
    "header": (
        {"type": "string", "maxLength": 1000, "pattern": "^[^:\\s][^:]*(:|$)"},
        "A name, or name:glob, as the headers are shown.",
    ),
}
assert set(FILTERS) == set(NAMES)

_GATE: dict[str, Schema] = {"open": {"type": "boolean"}, "permits": COUNT, "waiting": COUNT}

_SHARE: Schema = {"type": "number", "minimum": 0}
_SHARE_OR_NULL: Schema = {"type": ["number", "null"], "minimum": 0}

_VERDICT: dict[str, Schema] = {
    "verdict": {"enum": ["innocent", "void"]},
    "reasons": {"type": "array", "items": TEXT, "description": "What voids the run, then what it is put down to."},
    "since": {"type": "number", "description": "Unix time."},
    "seconds": {"type": "number", "minimum": 0, "description": "Length of what was judged."},
    "events": COUNT,
    "late_ms": _object({"p50": _QUANTILES, "p99": _QUANTILES, "max": _QUANTILES, "budget": NUMBER}),
    "blocked_by_client": {**COUNT, "description": "Events that waited for their client to read: no fault of ours."},
    "loop_lag_ms": _object({"p99": _QUANTILES, "max": _QUANTILES}),
    "cpu_share": {**_SHARE, "description": "Processor time of the process by the length."},
    "starved_share": {**_SHARE_OR_NULL, "description": "Waited for a processor; null where the system does not tell."},
    "listen_queue": _object({"max": COUNT, "share": _SHARE}),
    "collector_ms": _QUANTILES,
    "memory_bytes": COUNT,
    "history": {
        "type": "array",
        "items": _object(
            {
                "ended": {"type": "number", "description": "Unix time."},
                "events": COUNT,
                "late_p99_ms": _QUANTILES,
                "late_max_ms": _QUANTILES,
                "blocked_by_client": COUNT,
                "loop_lag_max_ms": _QUANTILES,
                "cpu_share": _SHARE,
                "starved_share": _SHARE_OR_NULL,
                "listen_queue": COUNT,
                "collector_ms": _QUANTILES,
                "memory_bytes": COUNT,
            }
        ),
    },
}

_MARK: dict[str, Schema] = {
    "name": TEXT,
    "time": {"type": "number", "description": "Unix time."},
    "received": {"type": "array", "items": NUMBER, "description": "Unix times at which the events arrived behind it."},
}

_FINDING: dict[str, Schema] = {
    "rule": {"enum": list(RULES)},
    "severity": {"enum": ["error", "warning"]},
    "message": TEXT,
    "requests": {"type": "array", "items": TEXT, "description": "Their ids."},
    "story": {
        "type": "array",
        "items": _object({"time": {"type": "number", "description": "Unix time."}, "request": TEXT, "text": TEXT}),
    },
}

SCHEMAS: dict[str, Schema] = {
    "Error": _object({"error": TEXT, "message": TEXT, "hint": TEXT}, ("message", "hint")),
    "Health": _object(
        {"service": {"const": "oagw-mock-server"}, "status": {"enum": ["healthy", "unhealthy", "draining"]}}
    ),
    "HealthStatus": {"type": "integer", "minimum": 200, "maximum": 599},
    "HealthChecks": _object(
        {
            "draining": {"type": "boolean"},
            "checks": _object(dict.fromkeys(("/health", "/healthz", "/readyz"), ref("HealthStatus"))),
        }
    ),
    "NewHealth": {
        "type": "object",
        "properties": {
            "status": ref("HealthStatus"),
            "paths": {
                "type": "array",
                "items": {"enum": ["/health", "/healthz", "/readyz"]},
                "minItems": 1,
                "default": ["/health", "/readyz"],
            },
        },
        "required": ["status"],
        "additionalProperties": False,
    },
    "Status": _object(
        {
            "status": {"const": "operational"},
            "version": TEXT,
            "uptime": {"type": "number", "minimum": 0, "description": "Seconds since start."},
            "registered_aliases": {"type": "array", "items": TEXT},
        }
    ),
    "Request": _object(_REQUEST),
    "RequestWithEvents": _object({**_REQUEST, "events": _object({"planned": _OFFSETS, "actual": _OFFSETS})}),
    "Replayed": _object(_REPLAYED),
    "Replays": _object(
        {
            "upstreams": {"type": "object", "additionalProperties": COUNT, "description": "Recordings of each."},
            "problems": {"type": "array", "items": TEXT, "description": "Files that cannot be used, and why."},
            "replays": {**COUNT, "description": "Since the last reset."},
            "misses": COUNT,
            "counted": {**COUNT, "description": "Replays in error_ms: no knob, fault or client changed their times."},
            "events": COUNT,
            "error_ms": _object(_ERRORS),
            "latest": {
                "type": "array",
                "items": _object(
                    {
                        "id": TEXT,
                        "alias": TEXT,
                        "outcome": _OUTCOME,
                        **_REPLAYED,
                        "recorded": _OFFSETS,
                        "errors_ms": {"type": "array", "items": NUMBER},
                    },
                    optional=("recorded", "errors_ms"),
                ),
            },
            "latest_misses": {
                "type": "array",
                "items": _object(
                    {
                        "id": TEXT,
                        "alias": TEXT,
                        "method": TEXT,
                        "nearest": _object(
                            {
                                "recording": TEXT,
                                "difference": _object(
                                    {"at": TEXT, "recorded": {}, "requested": {}}, ("recorded", "requested")
                                ),
                                "differences": COUNT,
                            }
                        ),
                    },
                    optional=("nearest",),
                ),
            },
        }
    ),
    "Miss": _object({"rule": TEXT, "predicate": TEXT, "wanted": TEXT, "saw": {"type": ["string", "null"]}}),
    "Requests": {
        "type": "object",
        "description": "`next` begins the next page: null if this is the last one. An HTTP Archive has `log` instead.",
        "properties": {
            "requests": {"type": "array", "items": {"anyOf": [ref("Request"), ref("RequestWithEvents")]}},
            "next": {"type": ["integer", "null"]},
            "log": {"type": "object"},
        },
        "additionalProperties": False,
    },
    "Timing": _object(
        {
            "events": COUNT,
            "late_ms": _object({"p50": _QUANTILES, "p90": _QUANTILES, "p99": _QUANTILES, "max": _QUANTILES}),
            "earliest_ms": _QUANTILES,
            "blocked_by_client": COUNT,
            "requests": COUNT,
            "admission_wait_ms": _object({"p50": _QUANTILES, "p90": _QUANTILES, "p99": _QUANTILES, "max": _QUANTILES}),
        }
    ),
    "Verdict": _object(_VERDICT, optional=("history",)),
    "Conduct": _object(
        {
            "conduct": {"enum": ["sound", "faulty"]},
            "requests": {**COUNT, "description": "Those that were judged, the latest ones."},
            "counts": {"type": "object", "additionalProperties": COUNT, "description": "Findings by rule."},
            "findings": {"type": "array", "items": _object(_FINDING)},
        }
    ),
    "Report": {"type": "object", "description": "What the parts of it are, the endpoints of their names say."},
    "Mark": _object(_MARK),
    "Marks": _object({"marks": {"type": "array", "items": ref("Mark")}}),
    "NewMark": _object({name: _MARK[name] for name in ("time", "received")}, ("time", "received")),
    "Config": {
        "type": "object",
        "additionalProperties": {"anyOf": [WORD, {"type": "array", "items": TEXT}]},
    },
    "Index": {"type": "object", "additionalProperties": {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}},
    "Vocabulary": _object(
        {key: {"type": "array", "items": {"type": "object"}} for key in ("options", "faults", "match", "when")}
    ),
    "NewOrder": _object({"order": {"type": "array", "items": TEXT}}),
    "Changes": {
        "type": "object",
        "properties": {
            option.name: {
                "anyOf": [
                    TEXT,
                    {"type": "boolean"} if option.is_flag else NUMBER,
                    {"type": "null"},
                    *([{"type": "array", "items": TEXT}] if option.is_repeatable else []),
                ],
                "description": option.help,
            }
            for option in OPTIONS.values()
            if option.is_live
        },
        "additionalProperties": False,
    },
    "Upstream": UPSTREAM,
    "Upstreams": _object({"upstreams": {"type": "object", "additionalProperties": ref("Upstream")}}),
    "NewUpstreams": {"type": "object", "additionalProperties": ref("Upstream")},
    "DescribedRequest": _object(
        {
            "alias": {"type": "string", "minLength": 1},
            "path": TEXT,
            "method": TEXT,
            "headers": {"type": "object", "additionalProperties": TEXT},
            "query": TEXT,
            "body": {"description": "A text as it is, anything else as JSON."},
        },
        optional=("path", "method", "headers", "query", "body"),
    ),
    "Explained": _object({"rule": {"type": ["string", "null"]}, "nearest": {"type": "array", "items": ref("Miss")}}),
    "Rule": _object(RULE, optional=tuple(RULE)),
    "CountedRule": _object({**RULE, "fitted": COUNT, "applied": COUNT}, optional=tuple(RULE)),
    "Rules": _object({"rules": {"type": "array", "items": ref("CountedRule")}}),
    "NewRules": {
        "anyOf": [
            _object({"rules": {"type": "array", "items": ref("Rule")}}),
            {"type": "array", "items": ref("Rule")},
        ]
    },
    "Gates": _object({"gates": {"type": "object", "additionalProperties": _object(_GATE)}}),
    "Released": _object({"gate": TEXT, **_GATE}),
}
