"""What is said of a knob that is not one, or not for this reply."""

from __future__ import annotations


class KnobError(ValueError):
    """A knob that is not known, or a value that is not one. The text names the knob and says what was expected."""

    def __init__(self, knob: str, reason: str) -> None:
        super().__init__(f"{knob}: {reason}")
        self.knob = knob
        self.reason = reason


class Unfit(KnobError):
    """A knob that has no meaning for the reply at hand."""
