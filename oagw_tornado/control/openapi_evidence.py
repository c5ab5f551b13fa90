"""The part of the OpenAPI document for evidence: timing, conduct, marks, the report."""

from __future__ import annotations

from typing import Any

from oagw_tornado.conduct.judging import RULES
from oagw_tornado.control import schemas
from oagw_tornado.control.openapi_operations import control, query
from oagw_tornado.evidence.hgrm import FIGURES


def evidence_paths() -> dict[str, Any]:
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return {
        "/_sim/timing": {
            "get": control(
                "timing",
                "How late events left since the last reset, as figures or as HdrHistogram writes percentiles.",
                schemas.ref("Timing"),
                parameters=[
                    query("format", {"enum": ["json", "hgrm"], "default": "json"}, "hgrm needs the extra hdr."),
                    query("figure", {"enum": list(FIGURES), "default": "lateness"}, "Of what, with format=hgrm."),
                ],
                errors=(400,),
                also="text/plain",
            )
        },
        "/_sim/conduct": {
            "get": control(
                "conduct",
                "Whether the client, or the gateway, behaved.",
                schemas.ref("Conduct"),
                parameters=[
                    *(query(name, dict(schema), text) for name, (schema, text) in schemas.FILTERS.items()),
                    query("since", {"type": "string"}, "Only from this time on: Unix time in seconds, or ISO 8601."),
                    query("ignore", {"enum": list(RULES)}, "Leave this rule out; may be repeated."),
                    query(
                        "final", {"enum": ["0", "1"]}, "1: the client has finished; what it has not done it never will."
                    ),
                    query(
                        "cancel-within", {"type": "string", "default": "1s"}, "Time to leave when its client has left."
                    ),
                ],
                errors=(400,),
            )
        },
        "/_sim/report": {
            "get": control(
                "report",
                "All that there is to tell of the run: an HTML file to keep, or its data.",
                schemas.ref("Report"),
                parameters=[
                    query("label", {"type": "string", "maxLength": 500}, "What was tested, for whoever reads it."),
                    query("late-p99", {"type": "string", "default": "2ms"}, "Lateness that is allowed at p99."),
                    query("format", {"enum": ["html", "json"], "default": "html"}, "A file to keep, or its data."),
                ],
                errors=(400,),
                also="text/html",
            )
        },
        "/_sim/marks": {
            "get": control("marks", "What the simulator was told, the latest last.", schemas.ref("Marks")),
            "delete": control("forget_marks", "Forget it.", None, status=204),
        },
        "/_sim/marks/{name}": {
            "parameters": [name],
            "post": control(
                "mark",
                "Say that a gateway's client has left, or when the events of a request arrived.",
                schemas.ref("Mark"),
                status=201,
                body=schemas.ref("NewMark"),
                errors=(400,),
            ),
        },
    }
