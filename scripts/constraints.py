"""Print pip constraints that pin what a user installs (the base and the extras fast and client) to its lowest version.

With --newest nothing is pinned: pip takes what is newest.
"""

from __future__ import annotations

import configparser
import re
import sys
from collections.abc import Iterator
from pathlib import Path

#: The extras that are for users; the others are tools of this repository.
FOR_USERS = ("fast", "client")


def lowest(requirements: str) -> Iterator[str]:
    """``name==version`` for each ``name>=version``."""
    for line in requirements.splitlines():
        line = line.partition("#")[0].strip()
        if match := re.match(r"([A-Za-z0-9_.-]+)\s*>=\s*([\w.]+)", line):
            yield f"{match[1]}=={match[2]}"


def main() -> None:
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parent.parent / "setup.cfg", encoding="utf-8")
    if "--newest" not in sys.argv:
        extras = [setup["options.extras_require"][name] for name in FOR_USERS]
        print(*lowest("\n".join([setup["options"]["install_requires"], *extras])), sep="\n")


if __name__ == "__main__":
    main()
