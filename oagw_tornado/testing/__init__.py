"""A running simulator for tests: as a process of its own, or in a thread of this one.

    with SimulatorProcess(time_to_first_token="200ms") as oagw:
        client = openai.OpenAI(base_url=oagw.openai_base_url, api_key=oagw.token)

Importing this package costs next to nothing: whatever starts a server is loaded on first use. The pytest plugin
is `oagw_tornado.testing.plugin`. May import every other folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oagw_tornado.testing.control import Control, ControlError
    from oagw_tornado.testing.fixture import Oagw
    from oagw_tornado.testing.parts import Error, Finish, Raw, Reasoning, Refusal, Text, ToolCall, Usage
    from oagw_tornado.testing.process import SimulatorProcess
    from oagw_tornado.testing.request import Request
    from oagw_tornado.testing.server import SimulatorError
    from oagw_tornado.testing.thread import SimulatorThread

__all__ = [
    "SimulatorProcess",
    "SimulatorThread",
    "SimulatorError",
    "Control",
    "ControlError",
    "Oagw",
    "Request",
    "Text",
    "Reasoning",
    "ToolCall",
    "Refusal",
    "Error",
    "Usage",
    "Finish",
    "Raw",
]

_HOMES = {
    "SimulatorProcess": "process",
    "SimulatorThread": "thread",
    "SimulatorError": "server",
    "Control": "control",
    "ControlError": "control",
    "Oagw": "fixture",
    "Request": "request",
    "Text": "parts",
    "Reasoning": "parts",
    "ToolCall": "parts",
    "Refusal": "parts",
    "Error": "parts",
    "Usage": "parts",
    "Finish": "parts",
    "Raw": "parts",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
