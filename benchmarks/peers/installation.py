"""The products to compare with that this project does not depend on: which versions, and how they come here.

All of it goes into .benchmarks/peers, which git ignores. What cannot be had on a machine is left out there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import machine

FOLDER = machine.CACHE / "peers"
PROGRAMS = FOLDER / "bin"
HERE = Path(__file__).parent

#: Seconds that one step may take: a first build of Go or Java fetches a hundred modules.
LIMIT = 570.0


@dataclass(frozen=True)
class Product:
    """A server in a version, what it is installed with, and what is there when it is."""

    name: str
    version: str
    tool: str
    steps: tuple[tuple[str, ...], ...]
    result: Path
    environment: dict[str, str] = field(default_factory=dict)

    def found(self) -> Path | None:
        """Its program, installed here or found in PATH; None if there is none."""
        if self.result.exists():
            return self.result
        elsewhere = shutil.which(self.result.name)
        return Path(elsewhere) if elsewhere else None

    @property
    def shown_version(self) -> str:
        """The version that was installed here; one found elsewhere may be any."""
        return self.version if self.result.exists() else "(of PATH)"

    def lacks(self) -> str:
        """Why it cannot run here; empty if it can."""
        return "" if self.found() else f"{self.name} is not installed (python -m benchmarks.peers install {self.name})"

    def install(self) -> str:
        """Why it could not be installed; empty if it was."""
        if shutil.which(self.tool) is None:
            return f"needs {self.tool}"
        PROGRAMS.mkdir(parents=True, exist_ok=True)
        for step in self.steps:
            if reason := _failure(step, os.environ | self.environment):
                return reason
        return "" if self.result.exists() else f"{self.result} is not there"


def _failure(step: tuple[str, ...], environment: dict[str, str]) -> str:
    try:
        done = subprocess.run(
            step, cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{' '.join(step)} took longer than {LIMIT:.0f} s"
    lines = (done.stderr + done.stdout).strip().splitlines()
    return f"{' '.join(step)}: {lines[-1] if lines else done.returncode}" if done.returncode else ""


def _go(name: str, module: str, version: str) -> Product:
    step = ("go", "install", f"{module}@v{version}")
    return Product(name, version, "go", (step,), PROGRAMS / name, {"GOBIN": str(PROGRAMS)})


_PYTHON = FOLDER / "python"
_MAVEN = ("mvn", "-q", "-B", "-f", str(HERE / "mockserver/pom.xml"), "dependency:copy-dependencies")

PRODUCTS = {
    product.name: product
    for product in (
        Product(
            "granian",
            "2.8.7",
            sys.executable,
            (
                (sys.executable, "-m", "venv", str(_PYTHON)),
                (str(_PYTHON / "bin/pip"), "install", "--quiet", "granian==2.8.7", "uvloop", "orjson"),
            ),
            _PYTHON / "bin/granian",
        ),
        _go("go-httpbin", "github.com/mccutchen/go-httpbin/v2/cmd/go-httpbin", "2.26.0"),
        _go("llm-d-inference-sim", "github.com/llm-d/llm-d-inference-sim/cmd/llm-d-inference-sim", "0.6.1"),
        Product(
            "aimock",
            "1.43.0",
            "npm",
            (("npm", "install", "--no-save", "--ignore-scripts", "--prefix", "aimock", "@copilotkit/aimock@1.43.0"),),
            FOLDER / "aimock/node_modules/@copilotkit/aimock/dist/cli.js",
        ),
        Product(
            "mockserver",
            "7.6.0",
            "mvn",
            ((*_MAVEN, f"-DoutputDirectory={FOLDER / 'mockserver'}"),),
            FOLDER / "mockserver/mockserver-netty-7.6.0.jar",
        ),
    )
}
