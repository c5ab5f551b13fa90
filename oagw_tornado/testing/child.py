"""``python -m oagw_tornado.testing.child``: the server as a program that ends when its parent does.

The parent holds the other end of stdin. However the parent ends, even by SIGKILL, the system closes that end, and
the read below returns. That works on every system and follows the parent process: Linux's PR_SET_PDEATHSIG follows the
*thread* that started the child, has to be set between fork and exec, and is lost if the parent dies before that.
"""

import os
import sys
import threading


def _end_with_parent() -> None:
    try:
        while os.read(0, 4096):
            pass
    except OSError:
        pass
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    from oagw_tornado.cli import main

    sys.exit(main())
