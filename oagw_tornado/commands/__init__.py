"""The commands other than serving: ``oagw-tornado COMMAND …``, one module each.

May import every folder above it; each command is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import cast

#: The first word of the command line, and its line in the help. A module of that name has
#: ``run(arguments) -> exit code``.
COMMANDS = {
    "calibrate": "measure how much load this machine carries on time",
    "check": "check configuration files; errors name the line and the key",
    "recordings": "list, show, check, export and import recordings, or turn them into rules",
    "report": "write a report on a run against a running server: HTML, CSV, NDJSON",
    "rules": "check files of rules, convert aimock fixtures, or print the JSON Schema",
    "verdict": "judge whether a running server was itself late",
}


def run_command(name: str, arguments: Sequence[str]) -> int:
    """Run the command `name`, one of `COMMANDS`; returns its exit code."""
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    return cast(int, module.run(arguments))
