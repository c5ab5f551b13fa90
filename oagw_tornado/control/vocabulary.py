"""Everything that can be set, by name and with its values, for building forms."""

from __future__ import annotations

import inspect
from typing import Any

from oagw_tornado.config.options import OPTIONS
from oagw_tornado.config.usage import default_text
from oagw_tornado.faults import FAULTS, Fault
from oagw_tornado.knobs.rule_schema import MATCH, WHEN


def vocabulary() -> dict[str, Any]:
    """``options`` that can change while the server runs, ``faults`` with their parameters, keys of ``match``, ``when``
    in rules."""
    return {
        "options": [
            {
                "name": option.name,
                "metavar": option.metavar,
                "help": option.help,
                "default": default_text(option),
                "group": option.group,
                "knob": option.is_knob,
                "flag": option.is_flag,
                "form-of": option.form_of or None,
            }
            for option in OPTIONS.values()
            if option.is_live
        ],
        "faults": [_fault(kind) for kind in FAULTS.values()],
        "match": _keys(MATCH),
        "when": _keys(WHEN),
    }


def _fault(kind: type[Fault]) -> dict[str, Any]:
    return {
        "type": kind.type,
        "help": " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split()).replace("`", ""),
        "parameters": list(kind.parameters),
        "needs": [name for name, (field, _) in kind.parameters.items() if not hasattr(kind, field)],
        "streams-only": kind.streams_only,
    }


def _keys(schema: dict[str, Any]) -> list[dict[str, str]]:
    return [{"name": name, "help": part.get("description", "")} for name, part in schema["properties"].items()]
