"""The JSON Schema of a rule, for editors and for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from oagw_tornado.knobs.match import MATCH_KEYS
from oagw_tornado.knobs.vocabulary import VOCABULARY

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TEXTS: Schema = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1}]}
SETTING: Schema = {
    "anyOf": [TEXT, {"type": "number"}, {"type": "array", "items": {"type": ["string", "number"]}}],
    "description": "As the option of the same name is written.",
}
_WAIT: Schema = {"type": ["string", "integer"], "description": "A latency: 300ms, lognormal(50ms,0.4)."}
_GLOBS: Schema = {"type": "object", "additionalProperties": TEXT}


def _object(properties: dict[str, Schema], required: tuple[str, ...] = (), description: str = "") -> Schema:
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = list(required)
    if description:
        schema["description"] = description
    return schema


_TURN: Schema = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string"}]}

MATCH: Schema = _object(
    {
        "alias": TEXTS,
        "path": {"type": "string", "description": "Glob on the service's path, query not counted."},
        "method": TEXTS,
        "header": {**_GLOBS, "description": "Header names to globs."},
        "query": {**_GLOBS, "description": "Parameters of the query to globs."},
        "body": {"type": "string", "description": "A text that the body holds."},
        "model": {"type": "string", "description": "Glob on the `model` of a JSON body."},
        "stream": {"type": "boolean"},
        "turn": {
            "anyOf": [*_TURN["anyOf"], {"type": "array", "items": _TURN, "minItems": 1}],
            "description": "1 + the number of the assistant's messages: 2, 2-4, 3-.",
        },
        "last-message": {"type": "string", "description": "Glob on the last message, of any role, ignoring case."},
        "tool": {"type": "string", "description": "Glob on the name of a tool that is offered."},
        "tool-result": {
            "anyOf": [TEXT, _GLOBS],
            "description": "Tools to globs on what they gave back since the assistant's last message.",
        },
        "response-format": {"type": "string", "description": "Glob on text, json_object, json_schema or its name."},
        "system": {"type": "string", "description": "Glob on the system text, ignoring case."},
        "any-message": {"type": "string", "description": "Glob on one of the messages, ignoring case."},
        "json": {"type": "object", "description": "JMESPath expressions to the values that they find in the body."},
    },
    description="All of these must fit. Globs are as a shell's; `*` crosses slashes.",
)
assert tuple(MATCH["properties"]) == MATCH_KEYS

WHEN: Schema = _object(
    {
        "probability": {"type": "number", "minimum": 0, "maximum": 1},
        "first": COUNT,
        "every": {"type": "integer", "minimum": 1},
        "after": COUNT,
        "per": {
            "type": "string",
            "pattern": "^(bearer|header:.+|json:.+)$",
            "description": "Count for each value of this: header:NAME, bearer, json:EXPRESSION.",
        },
    },
    description="Counted per rule, over the requests that fit.",
)

_SAID: Schema = {"anyOf": [TEXT, {"type": "array", "items": TEXT}], "description": "A list: exactly these pieces."}


def _part(kind: str, value: Schema, **beside: Schema) -> Schema:
    return _object({kind: value, **beside, "after": _WAIT, "gap": _WAIT}, (kind,))


_ARGUMENTS: Schema = {"type": ["object", "string", "array"], "description": "A text goes out as it is."}
_FINISH: Schema = {"anyOf": [TEXT, _object({"reason": TEXT, "stop-sequence": TEXT})]}
_REDACTED: Schema = {"type": ["boolean", "string"]}
_EVENT: dict[str, Schema] = {
    "id": {"type": ["string", "integer"]},
    "event": TEXT,
    "data": {},
    "retry": COUNT,
    "comment": TEXT,
}
_ERROR: Schema = _object(
    {
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "type": TEXT,
        "code": TEXT,
        "message": TEXT,
        "param": TEXT,
        "retry-after": {"type": ["string", "integer"]},
    }
)

PART: Schema = {
    "anyOf": [
        TEXT,
        _part("text", _SAID),
        _part(
            "reasoning",
            {"anyOf": [*_SAID["anyOf"], _object({"text": _SAID, "signature": TEXT, "redacted": _REDACTED})]},
            signature=TEXT,
            redacted=_REDACTED,
        ),
        _part(
            "tool",
            {
                "anyOf": [
                    TEXT,
                    _object(
                        {"name": TEXT, "arguments": {"type": ["object", "string", "array"]}, "id": TEXT}, ("name",)
                    ),
                ]
            },
        ),
        _part("refusal", _SAID),
        _part("error", {"anyOf": [TEXT, _ERROR]}),
        _part("usage", _object(dict.fromkeys(("input", "output", "cached", "cache-write", "reasoning"), COUNT))),
        _part("finish", _FINISH),
        _part("raw", {"anyOf": [TEXT, _object({"base64": TEXT}, ("base64",)), _object(_EVENT)]}),
    ]
}

ANSWER: Schema = _object(
    {
        "status": {"type": "integer", "minimum": 200, "maximum": 599},
        "headers": {"type": "object"},
        "json": {},
        "text": TEXT,
        "base64": TEXT,
        "file": {"type": "string", "description": "In the configuration file alone: a text file beside it."},
        "events": {"type": "array", "items": {"anyOf": [TEXT, _object({**_EVENT, "after": _WAIT})]}},
    },
    description="An HTTP reply, for any upstream.",
)

REPLY: Schema = {
    "anyOf": [PART, {"type": "array", "items": PART, "minItems": 1}, ANSWER],
    "description": "What is said: a text, a part, a list of parts, or an HTTP reply.",
}

RULE: dict[str, Schema] = {
    "name": {"type": "string", "pattern": "^[A-Za-z0-9._~:-]{1,64}$"},
    "match": MATCH,
    "when": WHEN,
    "reply": REPLY,
    "source": {"enum": ["upstream", "gateway", None], "description": "Who is to blame for an injected error."},
    **{name: {**SETTING, "description": knob.help} for name, knob in VOCABULARY.items()},
}

UPSTREAM: Schema = _object(
    {
        "service": {"type": "string", "description": "The alias of the service that it is another instance of."},
        "token": {**TEXTS, "description": "Tokens that are taken here alone."},
        "replay": {"type": "string", "description": "The directory whose recordings answer."},
        "replay-ignore": {**TEXTS, "description": "What does not count when a request is compared with recordings."},
        "replay-per": {"type": "string", "description": "What tells one session from another, as `per` of `when`."},
        "on-miss": {"enum": ["fail", "pass", "record"], "description": "Where no recording answers."},
        "url": {"type": "string", "description": "Where a real upstream is."},
        "authorization": {"type": "string", "description": "The header's value, or env:NAME for a bearer."},
        "headers": {"type": "object", "additionalProperties": TEXT, "description": "Sent with each request."},
        "connect-timeout": {**SETTING, "description": "Time to connect to a real upstream."},
        "response-timeout": {**SETTING, "description": "Time that it has for the head of its reply."},
        "idle-timeout": {**SETTING, "description": "Time that it may be silent within a reply."},
        "tls-ca": {"type": "string", "description": "File of the authorities that its certificate may be from."},
        "record": {"type": "string", "description": "Directory in which what it says is recorded."},
        **{name: {**SETTING, "description": knob.help} for name, knob in VOCABULARY.items()},
    },
    description="Without a service only rules answer.",
)
