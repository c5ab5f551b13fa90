"""``python -m acceptance [TOOL ...]``: run the tools of this folder, one after the other, and say what was seen.

A tool is one file in ``tools/``, which defines ``TOOL``. Environments are made once, in ``$OAGW_ACCEPTANCE``
(``~/.cache/oagw-tornado/acceptance`` by default), and made anew when the requirements change.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from acceptance.tool import Failed, Run, Skipped, Tool, environment, last_lines

from oagw_tornado.testing import SimulatorProcess

TOOLS = Path(__file__).parent / "tools"
CACHE = Path(os.environ.get("OAGW_ACCEPTANCE") or Path.home() / ".cache" / "oagw-tornado" / "acceptance")


def main(names: list[str]) -> int:
    known = sorted(module.name for module in iter_modules([str(TOOLS)]))
    if unknown := set(names) - set(known):
        print(f"acceptance: no such tool: {', '.join(sorted(unknown))}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    outcomes = [run(name) for name in names or known]
    print(f"{outcomes.count('passed')} passed, {outcomes.count('skipped')} skipped, {outcomes.count('FAILED')} failed")
    return 1 if "FAILED" in outcomes else 0


def run(name: str) -> str:
    """Run one tool and print what was seen; gives ``passed``, ``skipped`` or ``FAILED``."""
    tool: Tool = import_module(f"acceptance.tools.{name}").TOOL
    begun = time.monotonic()
    version = tool.requirements[0]
    try:
        python = installed(name, tool)
        with (
            tempfile.TemporaryDirectory() as folder,
            SimulatorProcess(**tool.options) as server,
        ):
            outcome, seen = "passed", tool.check(Run(python, Path(folder), server))
    except Skipped as reason:
        outcome, seen = "skipped", str(reason)
    except Failed as reason:
        outcome, seen = "FAILED", str(reason)
    print(f"{outcome:8} {version} ({time.monotonic() - begun:.0f} s): {seen}", flush=True)
    return outcome


def installed(name: str, tool: Tool) -> Path:
    """The Python of the tool's environment. Raises Skipped if it can not be made."""
    folder = CACHE / name
    python = folder / "bin" / "python"
    stamp = folder / "requirements.txt"
    wanted = "\n".join((sys.version, *tool.requirements))
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"installing {', '.join(tool.requirements)} (once)", file=sys.stderr, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *tool.requirements],
    ):
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise Skipped(f"cannot be installed here: {last_lines(done.stderr or done.stdout, 2)}")
    stamp.write_text(wanted)
    return python


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
