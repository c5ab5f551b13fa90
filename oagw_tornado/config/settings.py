"""An option as given, before it is parsed; and the error for one that is invalid."""

from __future__ import annotations

from typing import NamedTuple

from oagw_tornado.config.options import Option


class FilePlace(str):
    """Where a setting stands: file and key, and the line, which an error names behind its reason."""

    line: int

    def __new__(cls, text: str, line: int) -> FilePlace:
        place = super().__new__(cls, text)
        place.line = line
        return place


class ConfigError(ValueError):
    """Something in the configuration is wrong. The text is one line: where it is, what is there, what was expected."""

    def __init__(self, key: str, reason: str) -> None:
        if isinstance(key, FilePlace):
            reason = f"{reason}, line {key.line}"
        super().__init__(" ".join(f"{key}: {reason}".split()))
        self.key = key
        self.reason = reason


class Setting(NamedTuple):
    """One option and its value as a text, found at `source`: ``--port``, ``OAGW_SIM_PORT``, ``sim.yaml: port``."""

    source: str
    option: Option
    text: str
