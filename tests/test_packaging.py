"""What is built from this tree installs, is whole, and runs both ways."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from oagw_tornado import __version__
from oagw_tornado.config.config import read_config
from oagw_tornado.testing import SimulatorProcess

ROOT = Path(__file__).parent.parent


def image_instructions() -> list[str]:
    """The lines of the last stage, which is the server's image."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return text[text.rindex("\nFROM ") :].splitlines()


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
    plain = {re.split(r"[<>=]", line)[0] for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line}
    assert {"tornado", "orjson", "PyYAML", "prometheus-client"} <= plain


def test_the_entry_points_exist(wheel: zipfile.ZipFile) -> None:
    entry_points = configparser.ConfigParser()
    entry_points.read_string(wheel.read(f"oagw_tornado-{__version__}.dist-info/entry_points.txt").decode())
    assert entry_points["console_scripts"]["oagw-tornado"] == "oagw_tornado.__main__:main"
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


def test_the_image_holds_what_the_package_is_built_from() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert set(kept) == {"oagw_tornado", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"}
    assert all((ROOT / name).exists() for name in kept)


def test_the_image_and_the_compose_file_configure_what_exists() -> None:
    """Every variable there is an option, and every value one that it takes."""
    (instruction,) = [line for line in image_instructions() if line.startswith("ENV ")]
    image = dict(part.split("=", 1) for part in instruction.split()[1:])
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    config = read_config([], image | services["oagw"]["environment"], lambda path: "")
    assert (config.host, config.port) == ("0.0.0.0", 8765)
    assert f"EXPOSE {config.port}" in image_instructions()


def test_prometheus_sends_the_token_that_the_server_wants() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    prometheus = yaml.safe_load(compose["configs"]["prometheus"]["content"])
    (job,) = prometheus["scrape_configs"]
    assert job["authorization"]["credentials"] == compose["services"]["oagw"]["environment"]["OAGW_SIM_ADMIN_TOKEN"]
    options = {
        name.lower().removeprefix("oagw_sim_"): value
        for name, value in compose["services"]["oagw"]["environment"].items()
        if name != "OAGW_SIM_STATE"  # there is no such server here
    }
    with SimulatorProcess(**options) as server:
        request = Request(f"{server.base_url}/metrics", headers={"Authorization": "Bearer change-me"})
        with urlopen(request, timeout=20) as reply:
            assert reply.headers["Content-Type"].startswith("text/plain")


def test_the_health_check_sees_health_and_its_absence() -> None:
    (instruction,) = [line for line in image_instructions() if "HEALTHCHECK" in line]
    command = json.loads(instruction[instruction.index("[") :])
    assert command[0] == "python"
    with SimulatorProcess() as server:
        run(sys.executable, *command[1:], OAGW_SIM_PORT=str(server.port))
    with pytest.raises(AssertionError):
        run(sys.executable, *command[1:], OAGW_SIM_PORT=str(server.port))


def workflow_jobs() -> dict[str, Any]:
    jobs: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())["jobs"]
    return jobs


def test_the_workflows_run_the_scripts_on_all_that_is_promised(metadata: Message) -> None:
    job = workflow_jobs()["test"]
    assert {"run": "scripts/test"} in job["steps"]
    classifiers = metadata.get_all("Classifier", [])
    promised = {line.rpartition(" ")[2] for line in classifiers if ":: 3." in line}
    matrix = job["strategy"]["matrix"]
    assert set(matrix["python"]) == promised
    systems = {*matrix["os"], *(more["os"] for more in matrix["include"])}
    assert {system.partition("-")[0] for system in systems} == {"ubuntu", "macos"}
    assert {"Operating System :: MacOS", "Operating System :: POSIX :: Linux"} <= set(classifiers)


@pytest.mark.parametrize(
    "script", ["scripts/test --cov", "scripts/test-oldest", "scripts/test-oldest --newest", "scripts/docs"]
)
def test_what_a_workflow_runs_is_a_script(script: str) -> None:
    assert any({"run": script} in job["steps"] for job in workflow_jobs().values())
    assert os.access(ROOT / script.split()[0], os.X_OK)


def test_the_oldest_dependencies_are_those_of_the_metadata(metadata: Message) -> None:
    constraints = run(sys.executable, ROOT / "scripts" / "constraints.py").split()
    plain = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    for line in plain:
        name, oldest = re.match(r"([\w.-]+).*?>=([\d.]+)", line).groups()  # type: ignore[union-attr]
        assert f"{name}=={oldest}" in constraints
    assert len(constraints) > len(plain)
    assert run(sys.executable, ROOT / "scripts" / "constraints.py", "--newest") == ""


def test_pre_commit_and_lint_run_the_same_tools() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    lint = (ROOT / "scripts" / "lint").read_text().replace('"$bin/', ".venv-test/bin/").replace('"', "")
    for hook in hooks:
        tool = " ".join(hook["entry"].split()[:2]).removesuffix(" --fix")
        assert tool in lint, hook["entry"]


def test_every_page_is_on_the_site() -> None:
    """Each page stands in the navigation of zensical.toml, or is linked from a list that does."""
    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    pages = set(re.findall(r"[\w/-]+\.md", str(site["nav"])))
    assert {str(page.relative_to(ROOT)) for page in (ROOT / "docs").glob("*.md")} <= pages
    for page in pages:
        assert (ROOT / page).exists(), page
    for folder in ("decisions", "howto"):
        contents = (ROOT / "docs" / folder / "README.md").read_text(encoding="utf-8")
        for page in (ROOT / "docs" / folder).glob("*.md"):
            assert page.name == "README.md" or f"({page.name})" in contents, page
