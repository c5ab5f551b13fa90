"""The text of ``--help``, made from the table of options."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from itertools import groupby

from oagw_tornado.config.config import Config, value_in
from oagw_tornado.config.options import CONFIG, OPTIONS, Option

_USAGE = """\
usage: oagw-tornado [PORT] [OPTION]…

A simulated outbound API gateway, its upstreams included: OpenAI-style chat, GitHub, weather, calculator and
event streams behind one bearer token, with the timing and the failures that you ask for.
"""

_NOTES = """\
DURATION is a number with its unit (250ms, 1.5s, 750us) or 0. LATENCY is a duration or a distribution of them:
uniform(20ms,80ms), normal(50ms,10ms), lognormal(50ms,0.4), exponential(50ms), trace(0ms,48ms,51ms). SIZE is a number
of bytes or a number with its unit (10MiB, 512KiB).

Each option may also be set in the environment (OAGW_SIM_TIME_TO_FIRST_TOKEN=200ms) and in the file that --config names
(time-to-first-token: 200ms). An option overrides the environment, the environment overrides the file.
"""


def help_text(width: int = 100, commands: Mapping[str, str] | None = None) -> str:
    """The whole help, no line of it longer than `width`; `commands` by name, with a line each."""
    width = max(width, 60)
    paragraphs = [_filled(_USAGE, width)]
    if commands:
        rows = [_row(f"  {name}", text, width) for name, text in commands.items()]
        paragraphs.append("\n".join(["Commands (oagw-tornado COMMAND --help):", *rows]))
    for group, members in groupby(options_by_group(), lambda option: option.group):
        paragraphs.append("\n".join([f"{group}:", *(_entry(option, width) for option in members)]))
    paragraphs.append(
        "\n".join(["Help:", "  --help, -h                    this text", "  --version                     the version"])
    )
    paragraphs.append(_filled(_NOTES, width))
    return "\n\n".join(paragraphs) + "\n"


def options_by_group() -> list[Option]:
    """All options, those of a group side by side."""
    options = [CONFIG, *OPTIONS.values()]
    groups = [option.group for option in options]
    return sorted(options, key=lambda option: groups.index(option.group))


def default_text(option: Option) -> str:
    """The default of `option` as a person would write it; empty if there is none."""
    if option is CONFIG or option.is_flag or option.form_of:
        return ""
    value = value_in(Config(), option)
    if option.is_repeatable:
        return ", ".join(value)
    if isinstance(value, float) and isinstance(option.show(value), float):
        return f"{value:g}"
    shown = option.show(value)
    return "" if shown is None else str(shown)


def switch_text(option: Option) -> str:
    """How `option` is written on the command line."""
    if option.is_flag:
        return f"--{option.name}" if option.name.startswith("no-") else f"--[no-]{option.name}"
    return f"--{option.name} {option.metavar}"


def _entry(option: Option, width: int) -> str:
    default = default_text(option)
    text = option.help + (f" (default: {default})" if default else "")
    return _row(f"  {switch_text(option)}", text, width)


def _row(left: str, text: str, width: int) -> str:
    """What `left` is, beside it or below it."""
    lines = textwrap.wrap(text, width - 32, break_on_hyphens=False)
    if len(left) > 30:
        lines.insert(0, "")
    first, *rest = lines
    return "\n".join([f"{left:<32}{first}".rstrip(), *(" " * 32 + line for line in rest)])


def _filled(text: str, width: int) -> str:
    return "\n\n".join(textwrap.fill(paragraph, width, break_on_hyphens=False) for paragraph in text.split("\n\n"))
