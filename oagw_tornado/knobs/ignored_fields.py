"""Fields of a request that are ignored when it is compared with recordings, because they differ from run to run. ::

user                    a member of the JSON body
metadata.request_id     a member of an object in it
messages[].id           of each element of a list
?timestamp              a parameter of the query
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

#: Fields that are left out, in all.
MOST_FIELDS = 100

_NAME = re.compile(r"[^.\[\]?&=,\s]{1,200}")

# A step of a path: into the member of this name; None: into each element of a list.
_Path = tuple[str | None, ...]


class IgnoredFields(NamedTuple):
    """What is left out: members of the body by their paths, and parameters of the query by their names."""

    members: tuple[_Path, ...] = ()
    parameters: frozenset[str] = frozenset()

    def also(self, others: IgnoredFields) -> IgnoredFields:
        """These and `others`."""
        if others.parameters <= self.parameters and set(others.members) <= set(self.members):
            return self
        members = dict.fromkeys((*self.members, *others.members))
        return IgnoredFields(tuple(members), self.parameters | others.parameters)

    def without(self, document: Any) -> Any:
        """`document` without these members; it is changed in place."""
        for path in self.members:
            _remove(document, path)
        return document


NOTHING_IGNORED = IgnoredFields()


def parse_ignored(text: str) -> tuple[str, ...]:
    """The fields in a list with commas, each checked. Raises ValueError."""
    fields = tuple(part.strip() for part in text.split(","))
    if len(fields) > MOST_FIELDS:
        raise ValueError(f"expected at most {MOST_FIELDS} fields, not {len(fields)}")
    for field in fields:
        _path(field)
    return fields


def ignored_fields(fields: Iterable[str]) -> IgnoredFields:
    """What `fields`, each checked by `parse_ignored`, leave out."""
    given = list(fields)
    return IgnoredFields(
        tuple(_path(field) for field in given if not field.startswith("?")),
        frozenset(field[1:] for field in given if field.startswith("?")),
    )


def _path(field: str) -> _Path:
    steps: list[str | None] = []
    for part in (field[1:],) if field.startswith("?") else field.split("."):
        name = part
        while name.endswith("[]"):
            name = name[:-2]
        if not _NAME.fullmatch(name):
            raise ValueError(f"{field[:80]!r} is not a field such as user, metadata.id, messages[].id or ?parameter")
        steps += (name, *[None] * ((len(part) - len(name)) // 2))
    return tuple(steps)


def _remove(value: Any, path: _Path) -> None:
    step, rest = path[0], path[1:]
    if step is None:
        for each in value if isinstance(value, list) else ():
            if rest:
                _remove(each, rest)
    elif isinstance(value, dict) and step in value:
        if not rest:
            del value[step]
        elif rest == (None,):
            value[step] = []
        else:
            _remove(value[step], rest)
