"""The path of a request as the service behind the gateway sees it."""

from __future__ import annotations

import re

_PROXIED = re.compile(r"/.*?/proxy/[^/]+(?=/)")


def service_path(path: str) -> str:
    """The path as the service sees it, or would have; of a request that was for none, the whole path.

    >>> service_path("/api/oagw/v1/proxy/openai/v1/models"), service_path("/health")
    ('/v1/models', '/health')
    """
    found = _PROXIED.match(path)
    return path[found.end() :] if found else path
