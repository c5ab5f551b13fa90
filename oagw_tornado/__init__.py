"""A whole simulated outbound API gateway, its upstreams included, in one Tornado process.

The names in `__all__` here, in `oagw_tornado.testing` and in `oagw_tornado.client` are public; docs/extending.md
describes them. Everything else is private and may change in any version. Importing this package loads none of them: a
name is loaded on first use.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself is too slow to import before the server listens
if TYPE_CHECKING:
    from typing import Any

    from oagw_tornado.config.config import Config, read_config
    from oagw_tornado.config.settings import ConfigError
    from oagw_tornado.extensions import ExtensionError
    from oagw_tornado.faults.cuts import Cut
    from oagw_tornado.faults.fault import POSITION, Fault, Stage, one_of, whole
    from oagw_tornado.reply.errors import ErrorForm
    from oagw_tornado.reply.problem import Problem
    from oagw_tornado.reply.reply import EVENT_STREAM, JSON, Reply, json_reply
    from oagw_tornado.reply.schedule import Action, Frame, Schedule, Step, Stream
    from oagw_tornado.reply.sse import encode as encode_event
    from oagw_tornado.services.handler import ServiceHandler
    from oagw_tornado.services.upstream import Upstream
    from oagw_tornado.simulator import Simulator
    from oagw_tornado.testing.parts import Error, Finish, Raw, Reasoning, Refusal, Text, ToolCall, Usage
    from oagw_tornado.testing.process import SimulatorProcess
    from oagw_tornado.testing.server import SimulatorError
    from oagw_tornado.testing.thread import SimulatorThread
    from oagw_tornado.units.durations import parse_duration
    from oagw_tornado.units.knob_errors import InapplicableKnob
    from oagw_tornado.units.sizes import parse_size

__version__ = "0.1.0"

__all__ = [
    "__version__",
    # A running simulator.
    "Simulator",
    "SimulatorThread",
    "SimulatorProcess",
    "SimulatorError",
    "Config",
    "ConfigError",
    "read_config",
    # A service.
    "Upstream",
    "ServiceHandler",
    "Reply",
    "json_reply",
    "JSON",
    "EVENT_STREAM",
    "Frame",
    "Stream",
    "encode_event",
    "ErrorForm",
    "Problem",
    # The parts of a scripted reply.
    "Text",
    "Reasoning",
    "ToolCall",
    "Refusal",
    "Error",
    "Usage",
    "Finish",
    "Raw",
    # A fault.
    "Fault",
    "Cut",
    "Stage",
    "Schedule",
    "Step",
    "Action",
    "POSITION",
    "whole",
    "one_of",
    "parse_duration",
    "parse_size",
    "InapplicableKnob",
    "ExtensionError",
]

_MODULES = {
    "simulator": ("Simulator",),
    "testing.thread": ("SimulatorThread",),
    "testing.process": ("SimulatorProcess",),
    "testing.server": ("SimulatorError",),
    "testing.parts": ("Text", "Reasoning", "ToolCall", "Refusal", "Error", "Usage", "Finish", "Raw"),
    "config.config": ("Config", "read_config"),
    "config.settings": ("ConfigError",),
    "services.upstream": ("Upstream",),
    "services.handler": ("ServiceHandler",),
    "reply.reply": ("Reply", "json_reply", "JSON", "EVENT_STREAM"),
    "reply.errors": ("ErrorForm",),
    "reply.problem": ("Problem",),
    "reply.schedule": ("Frame", "Stream", "Schedule", "Step", "Action"),
    "faults.fault": ("Fault", "Stage", "POSITION", "whole", "one_of"),
    "faults.cuts": ("Cut",),
    "units.durations": ("parse_duration",),
    "units.sizes": ("parse_size",),
    "units.knob_errors": ("InapplicableKnob",),
    "extensions": ("ExtensionError",),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "encode_event":
        return import_module("oagw_tornado.reply.sse").encode
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"oagw_tornado.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
