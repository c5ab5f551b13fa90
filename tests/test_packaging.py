"""What is built from this tree installs, is whole, and runs both ways."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from oagw_tornado import __version__

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, **environment: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the wheel and the sdist, the wheel built from the sdist."""
    folder = tmp_path_factory.mktemp("build")
    # A copy: the build writes into the tree it builds from.
    copytree(ROOT, folder / "tree", ignore=ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist"))
    run(sys.executable, "-W", "error", "-m", "build", "--no-isolation", "--outdir", folder, folder / "tree")
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    (path,) = built.glob("*.whl")
    assert path.name == f"oagw_tornado-{__version__}-py3-none-any.whl"
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    return message_from_bytes(wheel.read(f"oagw_tornado-{__version__}.dist-info/METADATA"))


def package_files() -> set[str]:
    paths = (ROOT / "oagw_tornado").rglob("*")
    return {str(path.relative_to(ROOT)) for path in paths if path.is_file() and path.suffix != ".pyc"}


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == package_files()
    assert "oagw_tornado/py.typed" in names


def test_the_sdist_has_what_the_wheel_is_built_from(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert package_files() | {"setup.cfg", "pyproject.toml", "README.md", "LICENSE"} <= names


def test_the_metadata_says_what_a_stranger_needs(metadata: Message) -> None:
    assert metadata["Name"] == "oagw-tornado"
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    assert {"fast", "client", "test", "bench", "dev"} <= set(metadata.get_all("Provides-Extra", []))
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert "# oagw-tornado" in metadata.get_payload()


def test_a_plain_install_can_do_what_the_options_promise(metadata: Message) -> None:
    plain = {
        line.split(">")[0].split("=")[0] for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line
    }
    assert {"tornado", "orjson", "PyYAML", "prometheus-client"} <= plain


def test_the_entry_points_exist(wheel: zipfile.ZipFile) -> None:
    entry_points = configparser.ConfigParser()
    entry_points.read_string(wheel.read(f"oagw_tornado-{__version__}.dist-info/entry_points.txt").decode())
    assert entry_points["console_scripts"]["oagw-tornado"] == "oagw_tornado.cli:main"
    for group in entry_points.values():
        for target in group.values():
            module = target.partition(":")[0].replace(".", "/")
            assert {f"{module}.py", f"{module}/__init__.py"} & set(wheel.namelist()), target


def test_the_installed_wheel_runs_both_ways(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--target",
        tmp_path,
        str(wheel.filename),
    )
    expected = f"oagw-tornado {__version__}\n"
    # -P and the path: the installed files count, not those of the tree.
    assert run(sys.executable, "-P", "-m", "oagw_tornado", "--version", PYTHONPATH=str(tmp_path)) == expected
    assert run(tmp_path / "bin" / "oagw-tornado", "--version", PYTHONPATH=str(tmp_path)) == expected
