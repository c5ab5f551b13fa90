"""A report as one self-contained HTML file: its data, the page's plots and the styles."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from html import escape
from typing import Any

import orjson

from oagw_tornado.page.assets import text

_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class)\b)", re.MULTILINE)
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)

_DOCUMENT = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<noscript>This report draws itself: it needs JavaScript, and nothing from the network.</noscript>
<script type="application/json" id="data">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def document(title: str, runs: Sequence[Mapping[str, Any]]) -> bytes:
    """The report of `runs`, each as `control.report_data` gives it; of several a table leads to each.

    Nothing that a client can choose becomes markup: the data is JSON in which no tag can begin or end, and the script
    sets it as text. The policy lets this one script and this one style sheet run, and nothing be loaded.
    """
    return _DOCUMENT.format(
        policy=escape(policy()), title=escape(title), style=_style(), script=_script(), data=_data(title, runs)
    ).encode()


@cache
def policy() -> str:
    """The Content-Security-Policy of every report."""
    return (
        f"default-src 'none'; script-src '{_digest(_script())}'; style-src '{_digest(_style())}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _data(title: str, runs: Sequence[Mapping[str, Any]]) -> str:
    written = orjson.dumps({"title": title, "runs": list(runs)}).decode()
    # The parser of HTML looks for tags and comments in here, and for nothing else.
    return written.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _script() -> str:
    return _EXPORT.sub("", text("plot.js")) + _IMPORT.sub("", text("report.js"))


@cache
def _style() -> str:
    return text("plot.css") + text("report.css")


def _digest(content: str) -> str:
    return "sha256-" + b64encode(sha256(content.encode()).digest()).decode()
