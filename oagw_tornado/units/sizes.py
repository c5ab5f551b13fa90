"""Sizes as people write them: a number of bytes, or a number and its unit (``10MiB``, ``512KiB``, ``1MB``)."""

from __future__ import annotations

import re

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)\s*([KMG]?I?B|)", re.ASCII | re.IGNORECASE)

EXPECTED = "a size such as 10MiB, 512KiB, 1MB or 65536 (bytes)"

#: A TiB: nothing a fixture holds in memory is larger.
LARGEST = 2**40


def parse_size(text: str) -> int:
    """Read a size, in bytes.

    >>> parse_size("10MiB"), parse_size("1.5KiB"), parse_size("65536")
    (10485760, 1536, 65536)

    Raises ValueError, whose text says what was expected, if `text` is not one or is larger than a TiB.
    """
    match = _SIZE.fullmatch(text.strip())
    unit = _UNITS.get(match[2].upper()) if match else None
    if match is None or unit is None:
        raise ValueError(f"{text[:80]!r} is not {EXPECTED}")
    size = int(float(match[1]) * unit) if "." in match[1] else int(match[1]) * unit
    if size > LARGEST:
        raise ValueError(f"{text[:80]!r} is larger than 1TiB")
    return size


def format_size(size: int) -> str:
    """Write a size in the largest binary unit that divides it; `parse_size` reads it back.

    >>> format_size(10485760), format_size(1000), format_size(0)
    ('10MiB', '1000', '0')
    """
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)
