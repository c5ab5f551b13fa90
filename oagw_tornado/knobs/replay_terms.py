"""The settings for recordings in place of an upstream, in its description. ::

upstreams:
  openai: {replay: recordings, replay-ignore: [user, metadata.id], replay-per: bearer, on-miss: pass}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from oagw_tornado.knobs.ignored_fields import MOST_FIELDS, parse_ignored
from oagw_tornado.knobs.predicate import RuleError, words
from oagw_tornado.units.documents import quoted

KEYS = ("replay", "replay-ignore", "replay-per", "on-miss")
ON_MISS = ("fail", "pass", "record")


class ReplayTerms(NamedTuple):
    """What is not given is as the server has it."""

    directory: str | None = None
    ignored: tuple[str, ...] | None = None
    """Fields that do not count when a request is compared with recordings."""
    per: str | None = None
    """What tells one session from another."""
    on_miss: str | None = None

    def as_json(self) -> dict[str, Any]:
        """As it was given."""
        ignored = None if self.ignored is None else list(self.ignored)
        given = dict(zip(KEYS, (self.directory, ignored, self.per, self.on_miss), strict=True))
        return {name: value for name, value in given.items() if value is not None}


def parse_replay_terms(document: Mapping[str, Any]) -> ReplayTerms | None:
    """What the description of an upstream says of recordings; None: nothing. Raises RuleError, which names the key."""
    given = {key: document[key] for key in KEYS if key in document}
    if not given:
        return None
    for key in ("replay", "replay-per"):
        value = given.get(key, "x")
        if not isinstance(value, str) or not value or "\0" in value:
            raise RuleError(f"{key}: expected a text, not {quoted(value)}")
    if given.get("on-miss", "fail") not in ON_MISS:
        raise RuleError(f"on-miss: expected one of {', '.join(ON_MISS)}, not {quoted(given['on-miss'])}")
    if "replay-per" in given:
        from oagw_tornado.knobs.when import parse_session

        parse_session(given["replay-per"], "replay-per")
    return ReplayTerms(given.get("replay"), _ignored(given), given.get("replay-per"), given.get("on-miss"))


def _ignored(given: Mapping[str, Any]) -> tuple[str, ...] | None:
    if "replay-ignore" not in given:
        return None
    try:
        fields = tuple(
            field for text in words("replay-ignore", given["replay-ignore"]) for field in parse_ignored(text)
        )
    except RuleError:
        raise
    except ValueError as error:
        raise RuleError(f"replay-ignore: {error}") from None
    if len(fields) > MOST_FIELDS:
        raise RuleError(f"replay-ignore: expected at most {MOST_FIELDS} fields")
    return fields
