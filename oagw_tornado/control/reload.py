"""What is to change when the configuration has been read again. Pure: two configurations in, the differences out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from oagw_tornado.config.config import Config, value_in
from oagw_tornado.config.options import OPTIONS, Option
from oagw_tornado.config.settings import ConfigError

# The most that is said of one value, so that what changed stays one line.
_LONGEST = 60


class Changes(NamedTuple):
    """The options whose values differ, with the new ones, and whether the rules do."""

    options: Mapping[Option, Any]
    rules: bool
    text: str
    """All of it in words."""


def changes_between(before: Config, after: Config) -> Changes:
    """From `before` to `after`. Raises ConfigError for an option that cannot change while the server runs."""
    if before.upstreams != after.upstreams:
        raise ConfigError("upstreams", "cannot be changed while the server runs; restart it")
    options: dict[Option, Any] = {}
    said: list[str] = []
    for option in OPTIONS.values():
        old, new = value_in(before, option), value_in(after, option)
        if option.form_of or old == new:
            continue
        if not option.is_live:
            raise ConfigError(option.name, "cannot be changed while the server runs; restart it")
        options[option] = new
        said.append(f"{option.name} {_shown(option, old)} -> {_shown(option, new)}")
    rules = before.rules != after.rules
    if rules:
        said.append(f"rules {len(before.rules)} -> {len(after.rules)}")
    return Changes(options, rules, ", ".join(said) or "nothing has changed")


def with_changes(config: Config, changes: Changes) -> Config:
    """`config`, which may have been changed meanwhile, with these changes over it."""
    own = {option.field: value for option, value in changes.options.items() if not option.is_knob}
    knobs = {option.field: value for option, value in changes.options.items() if option.is_knob}
    return replace(config, knobs=replace(config.knobs, **knobs), **own)


def _shown(option: Option, value: Any) -> str:
    text = str(option.show(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
