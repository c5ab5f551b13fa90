"""What all services share: they answer whatever the method, and say that it was them."""

from __future__ import annotations

from oagw_tornado.gateway.handler import ExchangeHandler


class ServiceHandler(ExchangeHandler):
    """A handler of a simulated upstream. Override `serve`; end it with `respond`, or with tornado's own `finish`."""

    source = "upstream"

    def serve(self, *path_args: str) -> None:
        """Answer GET, POST, PUT, DELETE and HEAD alike. `path_args` are the groups of the route's pattern."""
        raise NotImplementedError

    def get(self, *path_args: str) -> None:
        return self.serve(*path_args)

    head = post = put = delete = get
