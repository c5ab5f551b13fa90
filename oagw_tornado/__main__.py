"""``python -m oagw_tornado``, and the command ``oagw-tornado``. A plain start listens before it imports the rest."""

import gc
import os
import sys

from oagw_tornado.config.plain_start import plain_address
from oagw_tornado.wire.tcp_listening import listen_on

TYPE_CHECKING = False  # typing itself is too slow to import here
if TYPE_CHECKING:
    from _socket import socket


def main() -> int:
    """Run the program with the arguments of this process; returns its exit code."""
    # Importing leaves no garbage, and collector passes over everything imported take a tenth of a start.
    # `process.idle_work` lets the collector run again once the server is up.
    gc.disable()
    try:
        sockets = listen_at_once()
        from oagw_tornado.cli import main as run

        return run(sockets=sockets)
    except KeyboardInterrupt:  # while it imports
        return 130


def listen_at_once() -> "list[socket]":
    """The listening sockets, if this is a plain start. An error is found again, and reported, by code that knows all
    options."""
    try:
        for descriptor in (0, 1, 2):
            os.fstat(descriptor)  # else a socket would get its number
        address = plain_address(sys.argv[1:], os.environ)
        return [] if address is None else listen_on(*address)
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main())
