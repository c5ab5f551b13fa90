"""Errors in a knob: one that is unknown, malformed, or not applicable to a reply."""

from __future__ import annotations


class KnobError(ValueError):
    """A knob is unknown, or its value is invalid. The text names the knob and says what was expected."""

    def __init__(self, knob: str, reason: str) -> None:
        super().__init__(f"{knob}: {reason}")
        self.knob = knob
        self.reason = reason


class InapplicableKnob(KnobError):
    """The knob is valid, but has no meaning for the reply at hand."""
