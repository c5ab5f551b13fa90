"""``python -m oagw_tornado``, and the command ``oagw-tornado``."""

import gc
import sys


def main() -> int:
    """Run the program with the arguments of this process; gives its exit code."""
    # Importing leaves no garbage behind, and passes over all that is imported take a tenth of a start.
    # `process.idle_work` lets the collector run again once the server is up.
    gc.disable()
    from oagw_tornado.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
