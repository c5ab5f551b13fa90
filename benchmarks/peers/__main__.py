"""Install what to compare with, or say which are there: ``python -m benchmarks.peers install|list [NAME ...]``"""

from __future__ import annotations

import argparse
import sys

from benchmarks.peers.installation import PRODUCTS


def main(arguments: list[str]) -> int:
    """1 if one could not be installed; the others are, all the same."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=(__doc__ or "").partition(":")[0])
    parser.add_argument("action", choices=["install", "list"])
    parser.add_argument("name", nargs="*", help=f"of {', '.join(PRODUCTS)}; all of them, if none is given")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.name if name not in PRODUCTS]:
        parser.error(f"{unknown[0]}: not one of {', '.join(PRODUCTS)}")
    failed = 0
    for name in options.name or PRODUCTS:
        product = PRODUCTS[name]
        reason = product.install() if options.action == "install" and not product.found() else product.lacks()
        print(f"{name} {product.version}: {reason or product.found()}", flush=True)
        failed += bool(reason)
    return 1 if failed and options.action == "install" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
