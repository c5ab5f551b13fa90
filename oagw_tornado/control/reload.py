"""The changes of a reload. Pure: two configurations in, the differences out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from oagw_tornado.config.config import Config, value_in
from oagw_tornado.config.options import OPTIONS, Option
from oagw_tornado.config.settings import ConfigError

if TYPE_CHECKING:
    from oagw_tornado.knobs.upstream_document import UpstreamDocument

# The most that is said of one value, and the most upstreams that are named, so that what changed stays one line.
_LONGEST = 60
_MOST_NAMED = 5


class Changes(NamedTuple):
    """The options whose values differ, with the new ones, and whether the rules and the upstreams do."""

    options: Mapping[Option, Any]
    rules: bool
    upstreams: bool
    text: str
    """All of it in words."""


def changes_between(before: Config, after: Config) -> Changes:
    """From `before` to `after`. Raises ConfigError for options that cannot change while the server runs."""
    changed = [
        option
        for option in OPTIONS.values()
        if not option.form_of and value_in(before, option) != value_in(after, option)
    ]
    fixed = [option.name for option in changed if option.is_fixed]
    if before.is_short != after.is_short:  # host and port are given, or no longer, beside other addresses
        fixed.append("host")
    if fixed:
        raise ConfigError(", ".join(fixed), "cannot be changed while the server runs; restart it")
    said = [f"{option.name} {_change(option, value_in(before, option), value_in(after, option))}" for option in changed]
    upstreams = before.upstreams != after.upstreams
    if upstreams:
        said.append(f"upstreams {_upstreams(before.upstreams, after.upstreams)}")
    rules = before.rules != after.rules
    if rules:
        old, new = len(before.rules), len(after.rules)
        said.append(f"rules {old} -> {new}" if old != new else f"rules changed ({new})")
    options = {option: value_in(after, option) for option in changed}
    return Changes(options, rules, upstreams, ", ".join(said) or "nothing has changed")


def with_changes(config: Config, changes: Changes, after: Config) -> Config:
    """`config`, which may have been changed meanwhile, with these changes over it, which lead to `after`."""
    own = {option.field: value for option, value in changes.options.items() if not option.is_knob}
    knobs = {option.field: value for option, value in changes.options.items() if option.is_knob}
    sections = replace(config, rules=after.rules, rule_places=after.rule_places, upstreams=after.upstreams)
    return replace(sections, knobs=replace(config.knobs, **knobs), **own)


def _change(option: Option, old: Any, new: Any) -> str:
    if option.is_secret:  # masked, both look alike
        return f"changed ({len(old)} -> {len(new)})" if option.is_repeatable else "changed"
    return f"{_shown(option, old)} -> {_shown(option, new)}"


def _shown(option: Option, value: Any) -> str:
    shown = option.show(value)
    if isinstance(shown, bool):
        return "yes" if shown else "no"
    text = ", ".join(map(str, shown)) if isinstance(shown, (list, tuple)) else str(shown)
    if shown is None or not text:
        text = "none"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _upstreams(before: Iterable[UpstreamDocument], after: Iterable[UpstreamDocument]) -> str:
    old, new = ({each.alias: each for each in described} for described in (before, after))
    both = [alias for alias in new if alias in old and new[alias] != old[alias]]
    kinds = (("+", [alias for alias in new if alias not in old]), ("-", [alias for alias in old if alias not in new]))
    words = [f"{sign}{alias}" for sign, aliases in (*kinds, ("~", both)) for alias in aliases]
    more = len(words) - _MOST_NAMED
    # The same in another order is no change that anybody would notice.
    return " ".join(words[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "") or "in another order"
