"""``python -m oagw_tornado``"""

import sys

from oagw_tornado.cli import main

sys.exit(main())
