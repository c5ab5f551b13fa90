"""A file covers one idea in at most 350 lines (CONTRIBUTING.md): in the package, its tests and its benchmarks."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent
MOST_LINES = 350


def test_no_file_is_longer() -> None:
    files = [file for folder in ("oagw_tornado", "tests", "benchmarks") for file in (ROOT / folder).rglob("*.py")]
    lengths = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert len(lengths) > 500
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}
