"""``oagw-tornado report [URL] -o report.html``: a report on a run against that server, and its events, as files.

Exit code 0: written; 1: the server could not be reached or a file not be written; 2: wrong arguments.
"""

from __future__ import annotations

from collections.abc import Sequence

from oagw_tornado.commands.arguments import Arguments
from oagw_tornado.commands.remote import Remote, add_remote
from oagw_tornado.units.durations import format_duration

DEFAULT_URL = "http://127.0.0.1:8765"


def run(arguments: Sequence[str]) -> int:
    """Write the report; returns the exit code. Raises CommandError."""
    parser = Arguments("report", "Write a report on a run: one self-contained HTML file.")
    add_remote(parser, DEFAULT_URL)
    parser.add_argument("-o", "--output", metavar="FILE", help="the report, an HTML file (default: report.html)")
    parser.add_argument("--label", metavar="TEXT", default="", help="what was tested: a commit, a version")
    parser.add_argument("--csv", metavar="FILE", help="planned and actual offset of every event in the journal, as CSV")
    parser.add_argument("--ndjson", metavar="FILE", help="the same, one JSON object per line")
    parser.add_argument(
        "--late-p99", metavar="DURATION", type=parser.duration, help="lateness allowed at p99 (default: 2ms)"
    )
    given = parser.parse_args(arguments)
    query = {"label": given.label} if given.label else {}
    if given.late_p99 is not None:
        query["late-p99"] = format_duration(given.late_p99)
    server = Remote(given.url, given.admin_token)
    output = given.output
    if output is None and given.csv is None and given.ndjson is None:
        output = "report.html"
    if output is not None:
        _write(server, "/_sim/report", query, output)
    for form, file in (("csv", given.csv), ("ndjson", given.ndjson)):
        if file is not None:
            _write(server, "/_sim/requests", {"events": "1", "format": form}, file)
    return 0


def _write(server: Remote, path: str, query: dict[str, str], file: str) -> None:
    size = server.save(path, query, file)
    print(f"{file}: {size} bytes")  # noqa: T201
