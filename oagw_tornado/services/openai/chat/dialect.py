"""The two directions of the dialect."""

from __future__ import annotations

from oagw_tornado.services.dialect import Dialect
from oagw_tornado.services.openai.chat.reading import read, unanswerable
from oagw_tornado.services.openai.chat.writing import write
from oagw_tornado.services.openai.errors import ERRORS, too_long

CHAT = Dialect(read, write, ERRORS, unanswerable, too_long)
