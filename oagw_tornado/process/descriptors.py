"""The file descriptors of the process: the standard three, and the limit on their number."""

from __future__ import annotations

import os


def fill_standard_descriptors() -> None:
    """Open /dev/null for what is closed of stdin, stdout, stderr: else a socket would get its number, and our log."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free


def raise_descriptor_limit() -> None:
    """Allow as many descriptors as the system lets us have: each connection takes one, and the usual limit is 1,024."""
    try:
        import resource
    except ImportError:  # no such limit on this system
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (ValueError, OSError):  # macOS says "no limit" and means fewer
        pass
