"""The scripts: one command for each action, which sets up what it needs once."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path
from shutil import copytree

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = [*(path for path in (ROOT / "scripts").iterdir() if not path.suffix), ROOT / ".ci" / "run"]

# Stands for Python: notes what it is asked to do, and makes no more than the folder of an environment.
FAKE_PYTHON = """#!/bin/sh
echo "$(basename "$0") $*" >>"$LOG"
case "$*" in
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout, in a folder whose name has a space, with a Python that only takes notes."""
    root = tmp_path / "a checkout"
    copytree(ROOT / "scripts", root / "scripts")
    for name in ("setup.cfg", "pyproject.toml"):
        (root / name).write_bytes((ROOT / name).read_bytes())
    python = tmp_path / "fake-python"
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)
    return root


def test_set_up_shows_its_progress_to_a_person_alone(checkout: Path) -> None:
    """pip's own, where stderr is a terminal; elsewhere one line."""
    assert any("pip install --quiet" in line for line in environment(checkout)[2])
    (checkout / ".venv" / ".stamp").unlink()
    (checkout / "log").unlink()
    terminal, theirs = pty.openpty()
    subprocess.run(
        [checkout / "scripts" / "environment", ".venv", "fast"],
        stderr=theirs, cwd=checkout, env={**os.environ, "LOG": str(checkout / "log"), "PYTHON": "../fake-python"},
        timeout=60, check=True,
    )  # fmt: skip
    os.close(theirs)
    os.close(terminal)
    asked = (checkout / "log").read_text()
    assert "pip install" in asked
    assert "--quiet" not in asked


def environment(checkout: Path, python: str | Path = "../fake-python") -> tuple[int, str, list[str]]:
    """Run scripts/environment; gives its exit code, what it says, and what Python was asked to do."""
    log = checkout / "log"
    log.unlink(missing_ok=True)
    result = subprocess.run(
        [checkout / "scripts" / "environment", ".venv", "fast"],
        capture_output=True,
        text=True,
        cwd=checkout,
        env={**os.environ, "LOG": str(log), "PYTHON": str(python)},
        timeout=60,
    )
    assert result.stdout == ""
    return result.returncode, result.stderr, log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_short_portable_and_executable(script: Path) -> None:
    assert os.access(script, os.X_OK)
    lines = script.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/bin/sh"
    assert "set -eu" in lines
    assert len(lines) <= 30
    subprocess.run(["sh", "-n", script], check=True)


def test_the_first_run_installs_and_the_second_does_not(checkout: Path) -> None:
    code, said, asked = environment(checkout)
    assert code == 0
    assert said == "scripts: setting up .venv for oagw-tornado[fast] (once)\n"
    assert any("pip install" in line and line.endswith("a checkout[fast]") for line in asked)
    assert environment(checkout) == (0, "", [])


@pytest.mark.parametrize("name", ["setup.cfg", "pyproject.toml"])
def test_a_change_of_what_it_stands_on_installs_again(checkout: Path, name: str) -> None:
    environment(checkout)
    with open(checkout / name, "a") as file:
        file.write("# changed\n")
    assert any("pip install" in line for line in environment(checkout)[2])


def test_an_interrupted_installation_is_made_again(checkout: Path) -> None:
    broken = FAKE_PYTHON + 'case "$*" in *"pip install"*) exit 1 ;; esac\n'
    working = (checkout.parent / "fake-python").read_text()
    (checkout.parent / "fake-python").write_text(broken)
    assert environment(checkout)[0] != 0
    (checkout.parent / "fake-python").write_text(working)
    assert any("pip install" in line for line in environment(checkout)[2])


def test_a_python_that_is_too_old_is_named_in_one_line(checkout: Path) -> None:
    assert environment(checkout, "false") == (1, "scripts: needs Python 3.11 or newer; false is not\n", [])


def test_a_python_without_venv_is_named_in_one_line(checkout: Path) -> None:
    lacking = checkout.parent / "no-venv"
    lacking.write_text('#!/bin/sh\ncase "$*" in *ensurepip*) exit 1 ;; esac\n')
    lacking.chmod(0o755)
    code, said, _ = environment(checkout, lacking)
    assert code == 1
    assert said == f"scripts: {lacking} has no venv module (Debian and Ubuntu: apt install python3-venv)\n"
