"""Which tool a chat or a response is to call: the values of `tool_choice`, and the API's errors for it."""

from __future__ import annotations

from typing import Literal

from oagw_tornado.services.openai.errors import InvalidRequest

ToolChoice = Literal["auto", "none", "required"]

_CHOICES: dict[str, ToolChoice] = {"auto": "auto", "none": "none", "required": "required"}


def tool_choice(choice: str) -> ToolChoice:
    """One of the three words. Raises InvalidRequest for any other."""
    if choice in _CHOICES:
        return _CHOICES[choice]
    raise InvalidRequest(
        f"Invalid value: '{choice}'. Supported values are: 'none', 'auto', and 'required'.",
        param="tool_choice",
        code="invalid_value",
    )


def offered(name: str, names: set[str], code: str | None = None) -> str:
    """The `name` of a chosen tool. Raises InvalidRequest if it is not among the `names` of those offered."""
    if name not in names:
        raise InvalidRequest(
            f"Tool choice '{name[:80]}' not found in 'tools' parameter.", param="tool_choice", code=code
        )
    return name
