"""Whether an error that a fault asks for by its name is one that the upstreams have."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from oagw_tornado.units.nearest import nearest

if TYPE_CHECKING:
    from oagw_tornado.gateway.router import Upstream
    from oagw_tornado.knobs.vocabulary import Knobs


def unknown_error(knobs: Knobs, aliases: Collection[str], upstreams: Mapping[str, Upstream]) -> str:
    """What is wrong with an error that a fault of `knobs` names and none of `aliases` knows; empty: nothing."""
    for fault in knobs.fault or ():
        name = getattr(fault, "error", None)
        known = {each: None for alias in aliases for each in upstreams[alias].errors.presets}
        if name is not None and name not in known:
            return (
                f"error={name[:40]!r} is not an error of {', '.join(aliases)}; expected one of"
                f" {', '.join(known) or 'none'}{nearest(name, known)}"
            )
    return ""
