"""The arguments of a command: argparse, with one-line errors."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn


class CommandError(Exception):
    """The command cannot do what was asked; the text is one line, `status` its exit code."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


class Arguments(argparse.ArgumentParser):
    """The parser of ``oagw-tornado NAME``. What is wrong is one line on stderr, and exit code 2."""

    def __init__(self, name: str, description: str) -> None:
        super().__init__(prog=f"oagw-tornado {name}", description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"{self.prog}: {message}\n")
        raise SystemExit(2)

    def duration(self, text: str) -> float:
        """For ``type=``: a duration with its unit, in seconds."""
        from oagw_tornado.units.durations import parse_duration

        try:
            return parse_duration(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
