"""What the program does beside serving: ``oagw-tornado COMMAND …``, one module a command.

May import every folder above it; each command is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import cast

#: What may stand first on the command line, and the line that the help has for it. A module of that name holds
#: ``run(arguments) -> exit code``.
COMMANDS = {
    "calibrate": "measure how much this machine holds within a budget of lateness",
    "check": "say whether a server would start with a file: the line and the key that are wrong",
    "recordings": "list, show, check, export and import recordings, or turn them into rules to edit",
    "report": "write what there is to tell of a run against a running server: HTML, CSV, NDJSON",
    "rules": "check a file of rules, turn aimock's fixtures into rules, or print the schema of the file",
    "verdict": "judge whether a running server was late for reasons of its own",
}


def run_command(name: str, arguments: Sequence[str]) -> int:
    """Run the command `name`, one of `COMMANDS`; gives its exit code."""
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    return cast(int, module.run(arguments))
