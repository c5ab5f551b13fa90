"""An upstream: what the gateway knows of a service, which is who replies to which path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from oagw_tornado.services.handler import ServiceHandler

Handler = type[ServiceHandler]


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """The routes of one service.

    `exact` is looked at first. Then the first of `patterns` that is found in the path wins (`re.search`: anchor it
    where it is to match the whole path); its groups are the arguments of `ServiceHandler.serve`. What is left is for
    `otherwise`, which replies with the service's own 404 and is handed the path.
    """

    exact: Mapping[str, Handler] = field(default_factory=dict)
    patterns: tuple[tuple[re.Pattern[str], Handler], ...] = ()
    otherwise: Handler

    def route(self, path: str) -> tuple[Handler, tuple[str, ...]]:
        """Who replies to `path` (percent-decoded, without the slash it began with), and with which arguments."""
        handler = self.exact.get(path)
        if handler is not None:
            return handler, ()
        for pattern, handler in self.patterns:
            match = pattern.search(path)
            if match is not None:
                return handler, match.groups()
        return self.otherwise, (path,)
