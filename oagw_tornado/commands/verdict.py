"""``oagw-tornado verdict URL``: whether a measurement against that server since its last reset is valid.

Exit code 0: innocent; 3: void; 1: the server could not be reached; 2: wrong arguments.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from oagw_tornado.commands.arguments import Arguments, CommandError
from oagw_tornado.commands.calibration import CalibrationError, load_against, read_calibration
from oagw_tornado.commands.remote import Remote, add_remote
from oagw_tornado.evidence.hgrm import FIGURES
from oagw_tornado.units.durations import format_duration

INNOCENT, VOID = 0, 3


def run(arguments: Sequence[str]) -> int:
    """Print the verdict; returns the exit code."""
    parser = Arguments(
        "verdict", "Judge whether a running server was itself late, so that what was measured against it is void."
    )
    add_remote(parser)
    parser.add_argument(
        "--late-p99", metavar="DURATION", type=parser.duration, help="lateness allowed at p99 (default: 2ms)"
    )
    parser.add_argument(
        "--window",
        metavar="DURATION",
        type=parser.duration,
        help="judge only the last DURATION (default: since the last reset)",
    )
    parser.add_argument(
        "--hgrm", metavar="DIR", help=f"write percentiles in HdrHistogram's format: {', '.join(FIGURES)}.hgrm"
    )
    parser.add_argument(
        "--calibration",
        metavar="FILE",
        help="result of calibrate: use its budget, and say how much of the capacity was used",
    )
    given = parser.parse_args(arguments)
    calibration = None if given.calibration is None else _calibration(given.calibration)
    if calibration is not None and given.late_p99 is None:
        given.late_p99 = calibration["budget_ms"] / 1000
    query = {}
    if given.late_p99 is not None:
        query["late-p99"] = format_duration(given.late_p99)
    if given.window is not None:
        query["window"] = format_duration(given.window)
    server = Remote(given.url, given.admin_token)
    verdict = server.get("/_sim/verdict", query)
    if given.hgrm is not None:
        _write_histograms(server, given.hgrm)
    try:
        load = "" if calibration is None else f"\n{load_against(calibration, verdict)}"
        text, void = as_text(verdict), verdict["verdict"] != "innocent"
    except (KeyError, TypeError):
        raise CommandError(f"{given.url}: its reply is not a verdict") from None
    print(text + load)  # noqa: T201
    return VOID if void else INNOCENT


def _write_histograms(server: Remote, folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise CommandError(f"cannot make {folder!r}: {error.strerror or error}") from None
    for figure in FIGURES:
        server.save("/_sim/timing", {"format": "hgrm", "figure": figure}, os.path.join(folder, f"{figure}.hgrm"))


def _calibration(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            return read_calibration(file.read())
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"--calibration: cannot read {path!r}: {getattr(error, 'strerror', error)}", 2) from None
    except CalibrationError as error:
        raise CommandError(f"--calibration: {path}: {error}", 2) from None


def as_text(verdict: dict[str, Any]) -> str:
    """The verdict for a terminal: a line, the reasons, and the figures that count."""
    late, lag = verdict["late_ms"], verdict["loop_lag_ms"]
    lines = [verdict["verdict"], *(f"  {reason}" for reason in verdict["reasons"])]
    lines.append(
        f"  {verdict['events']} events in {verdict['seconds']:.1f} s: late p50 {_number(late['p50'])}, "
        f"p99 {_number(late['p99'])}, max {_number(late['max'])} ms; budget {_number(late['budget'])} ms"
    )
    lines.append(
        f"  loop lag p99 {_number(lag['p99'])}, max {_number(lag['max'])} ms; processor {verdict['cpu_share']:.0%}; "
        f"kept back by clients {verdict['blocked_by_client']}"
    )
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
