"""Services and faults from outside this package: passed as arguments, or found as entry points of installed packages.

A package declares them in its metadata::

    [project.entry-points."oagw_tornado.services"]
    tickets = "my_package:TICKETS"          # an Upstream, or a class of ServiceHandler for every path

    [project.entry-points."oagw_tornado.faults"]
    swap = "my_package:Swap"                # a class of Fault, whose `type` is this name

`importlib.metadata` takes tens of milliseconds to be imported and to read what is installed, of which hardly anybody
has anything for us. So a start only looks whether any installed entry point names a group of ours, and imports it then.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from inspect import isabstract
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from oagw_tornado.faults.fault import Fault
    from oagw_tornado.services.upstream import Upstream

SERVICES = "oagw_tornado.services"
FAULTS = "oagw_tornado.faults"

_ALIAS = re.compile(r"[A-Za-z0-9._~-]{1,128}")
_FAULT = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


_NONE: Mapping[str, Any] = MappingProxyType({})


class ExtensionError(Exception):
    """A service or fault from outside cannot be used. The text names it and says what was expected."""


class Extensions(NamedTuple):
    """What one simulator serves beside its own services and faults, by alias and by type."""

    upstreams: Mapping[str, Upstream] = _NONE
    faults: Mapping[str, type[Fault]] = _NONE

    def known_faults(self) -> AbstractContextManager[None]:
        """Have these faults read wherever one is named, in this context and in all that are copied from it."""
        if not self.faults and FAULTS not in sys.modules:  # nobody has named a fault yet
            return nullcontext()
        from oagw_tornado.faults import known

        return known(self.faults)


def gather(
    upstreams: Mapping[str, Any] | None = None, faults: Iterable[Any] = (), path: Iterable[str] | None = None
) -> Extensions:
    """What is installed on `path` (default: ``sys.path``), and what is given, which comes first where both have a name.

    An alias that is given may replace a built-in service; an installed one may not. Raises ExtensionError.
    """
    found = _installed(list(sys.path if path is None else path))
    given = {alias: _upstream(f"upstreams[{alias!r}]", alias, value) for alias, value in (upstreams or {}).items()}
    kinds: dict[str, type[Fault]] = {}
    for kind in faults:
        name = getattr(kind, "type", None)
        kinds[str(name)] = _fault(f"faults: {getattr(kind, '__qualname__', kind)!s}", name, kind)
    return Extensions({**found.upstreams, **given}, {**found.faults, **kinds}) if given or kinds else found


def _installed(path: list[str]) -> Extensions:
    if not any(map(_names_a_group, path)):
        return Extensions()
    from importlib.metadata import Distribution, DistributionFinder

    upstreams: dict[str, Upstream] = {}
    faults: dict[str, type[Fault]] = {}
    seen: set[str] = set()
    for distribution in Distribution.discover(context=DistributionFinder.Context(path=path)):
        name = distribution.metadata["Name"] or ""
        if name in seen:  # the first one on the path is the one that is imported
            continue
        seen.add(name)
        for entry_point in distribution.entry_points:
            if entry_point.group == SERVICES:
                where, value = _loaded(entry_point, name)
                _refuse_taken(where, entry_point.name, (*_own_aliases(), *upstreams), "alias")
                upstreams[entry_point.name] = _upstream(where, entry_point.name, value)
            elif entry_point.group == FAULTS:
                where, value = _loaded(entry_point, name)
                _refuse_taken(where, entry_point.name, faults, "fault")
                faults[entry_point.name] = _fault(where, entry_point.name, value)
    return Extensions(upstreams, faults)


def _names_a_group(folder: str) -> bool:
    """Whether a package that is installed in `folder` has an entry point for us."""
    return any(SERVICES.encode() in text or FAULTS.encode() in text for text in _entry_points(folder))


def _entry_points(folder: str) -> Iterator[bytes]:
    try:
        with os.scandir(folder or ".") as entries:
            names = [entry.path for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
    except OSError:  # not there, or an archive
        return
    for name in names:
        try:
            with open(f"{name}/entry_points.txt", "rb") as file:
                yield file.read()
        except OSError:  # most packages have none
            continue


def _loaded(entry_point: EntryPoint, distribution: str) -> tuple[str, Any]:
    where = f"entry point {entry_point.name} = {entry_point.value} ({entry_point.group}, of {distribution})"
    try:
        return where, entry_point.load()
    except (Exception, SystemExit) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ExtensionError(f"{where}: cannot be imported: {reason[:500]}") from error


def _refuse_taken(where: str, name: str, taken: Iterable[str], what: str) -> None:
    if name in taken:
        raise ExtensionError(f"{where}: there is another {what} {name!r}")


def _own_aliases() -> Iterable[str]:
    from oagw_tornado.services.table import upstreams

    return upstreams()


def _upstream(where: str, alias: Any, value: Any) -> Upstream:
    from oagw_tornado.services.handler import ServiceHandler
    from oagw_tornado.services.upstream import Upstream

    if not isinstance(alias, str) or not _ALIAS.fullmatch(alias):
        raise ExtensionError(f"{where}: an alias is 1 to 128 letters, digits and . _ ~ -")
    if isinstance(value, type) and issubclass(value, ServiceHandler):
        return Upstream(otherwise=value)
    if not isinstance(value, Upstream):
        raise ExtensionError(f"{where}: expected an Upstream or a class of ServiceHandler, not {_described(value)}")
    return value


def _fault(where: str, name: Any, value: Any) -> type[Fault]:
    from oagw_tornado.faults import FAULTS, Fault

    if not (isinstance(value, type) and issubclass(value, Fault)):
        raise ExtensionError(f"{where}: expected a class of Fault, not {_described(value)}")
    if not isinstance(name, str) or not _FAULT.fullmatch(name) or getattr(value, "type", None) != name:
        expected = f"its type to be {name!r}" if isinstance(name, str) and name else "a type"
        raise ExtensionError(f"{where}: expected {expected}, of lower-case letters, digits and -")
    if isabstract(value):
        raise ExtensionError(f"{where}: {value.__qualname__} does not define strike()")
    _refuse_taken(where, name, (*FAULTS, "none"), "fault")
    return value


def _described(value: Any) -> str:
    return f"the class {value.__qualname__}" if isinstance(value, type) else f"{type(value).__qualname__}"
