"""Services and faults from outside the package: by argument, by entry point, and as docs/extending.md shows them."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from wire import Client, get, serving

import oagw_tornado
from oagw_tornado import ExtensionError, Fault, ServiceHandler, SimulatorError, SimulatorProcess, SimulatorThread
from oagw_tornado.extensions import Extensions, gather
from oagw_tornado.services.upstream import Upstream

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def example() -> Iterator[Any]:
    """The package of the example, imported from its source."""
    sys.path.insert(0, str(EXAMPLES / "extension"))
    try:
        yield importlib.import_module("oagw_example.countdown"), importlib.import_module("oagw_example.swap")
    finally:
        sys.path.remove(str(EXAMPLES / "extension"))
        for name in [name for name in sys.modules if name.startswith("oagw_example")]:
            del sys.modules[name]


def test_the_page_shows_the_files_of_the_example() -> None:
    shown = re.findall(r"<!-- (examples/\S+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert {path for path, _ in shown} == {
        str(path.relative_to(ROOT))
        for path in EXAMPLES.rglob("*")
        if path.suffix in (".py", ".toml") and path.name != "__init__.py"
    }
    for path, text in shown:
        assert text == (ROOT / path).read_text(encoding="utf-8"), path


def test_the_page_lists_what_is_public() -> None:
    (table,) = re.findall(r"<!-- public -->(.*?)<!-- /public -->", PAGE, re.DOTALL)
    listed = [
        name for cell in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)
    ]
    assert sorted(listed) == sorted(oagw_tornado.__all__)


@pytest.mark.parametrize("name", ["oagw_tornado", "oagw_tornado.testing", "oagw_tornado.client"])
def test_every_public_name_is_there_and_told_of(name: str) -> None:
    module = importlib.import_module(name)
    for public in module.__all__:
        value = getattr(module, public)
        assert public in dir(module)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, public
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        _ = module.nothing_of_this_name


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys; before = set(sys.modules); import oagw_tornado; print(sorted(set(sys.modules) - before))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'oagw_tornado'" in result.stdout
    assert "'oagw_tornado." not in result.stdout
    assert "'tornado" not in result.stdout


# By argument.


def numbers(body: bytes) -> list[str]:
    return re.findall(r"data: (\d+)", body.decode())


def test_a_service_and_a_fault_by_argument(wire: str, example: Any) -> None:
    countdown, swap = example
    options = {"upstreams": {"countdown": countdown.COUNTDOWN}, "faults": [swap.Swap], "event_interval": "1ms"}
    path = "/api/oagw/v1/proxy/countdown"
    with serving(wire, **options) as server, Client(server.port) as client:
        reply = client.send(get(f"{path}/from/4")).reply()
        assert (reply.status, numbers(reply.body)) == (200, ["4", "3", "2", "1"])
        assert reply.headers["x-oagw-error-source"] == "upstream"
        reply = client.send(get(f"{path}/from/4", "X-Sim-Fault: swap;at-event=1")).reply()
        assert numbers(reply.body) == ["4", "2", "3", "1"]
        assert client.send(get(f"{path}/list?from=2")).reply().json == {"numbers": [2, 1]}
        assert client.send(get(f"{path}/list?from=x")).reply().json == {"error": "from: expected a number up to 1000"}
        assert client.send(get(f"{path}/nowhere")).reply().status == 404
        assert client.send(get("/api/oagw/v1/status")).reply().json["registered_aliases"][-1] == "countdown"
        # Known in every way there is to ask for a fault.
        server.control.add_rule(match={"alias": "countdown"}, fault="swap;at-event=2")
        assert numbers(client.send(get(f"{path}/from/4")).reply().body) == ["4", "3", "1", "2"]
        server.control.reset()
        server.control.configure(fault="swap;at-event=3")
        assert server.control.call("GET", "/_sim/config")["fault"] == "swap;at-event=3"
        reply = client.send(get(f"{path}/from/4", "X-Sim-Fault: swab")).reply()
        assert reply.status == 400
        assert "slow-body, swap" in reply.json["error"]


def test_rules_and_options_at_start_know_a_fault_by_argument(example: Any) -> None:
    _, swap = example
    with SimulatorThread(faults=[swap.Swap], fault="swap", rules=[{"fault": "swap;at-event=1"}]) as server:
        assert server.control.rules()[0]["fault"] == "swap;at-event=1"


def test_two_simulators_do_not_share_their_faults(wire: str, example: Any) -> None:
    _, swap = example
    request = get("/api/oagw/v1/proxy/stream-test/events", "X-Sim-Fault: swap", "X-Sim-Event-Interval: 1ms")
    with serving(wire, faults=[swap.Swap]) as one, serving(wire) as other:
        for server, status in ((one, 200), (other, 400), (one, 200)):
            with Client(server.port) as client:
                assert client.send(request).reply().status == status


def test_two_simulators_on_one_loop_do_not_share_their_faults(wire: str, example: Any) -> None:
    import asyncio
    from dataclasses import replace

    from oagw_tornado import Config, Simulator
    from oagw_tornado.cli import choose_loop

    engine, loop = wire.split("-")
    pytest.importorskip(loop)
    request = get("/api/oagw/v1/proxy/stream-test/events", "X-Sim-Fault: swap", "X-Sim-Event-Interval: 1ms")

    def status(port: int) -> int:
        with Client(port) as client:
            return client.send(request).reply().status

    async def both() -> list[int]:
        config = replace(Config(), port=0, http_server=engine)
        simulators = [Simulator(config, faults=[example[1].Swap]), Simulator(config)]
        for simulator in simulators:
            await simulator.start()
        try:
            return [await asyncio.to_thread(status, simulator.port) for simulator in simulators]
        finally:
            for simulator in simulators:
                await simulator.stop()

    with asyncio.Runner(loop_factory=choose_loop(loop)) as runner:
        assert runner.run(both()) == [200, 400]


def test_an_alias_by_argument_replaces_a_built_in_one(example: Any) -> None:
    countdown, _ = example
    with SimulatorThread(upstreams={"weather": countdown.List}) as server:
        request = Request(
            f"{server.base_url}/api/oagw/v1/proxy/weather/current", headers={"Authorization": f"Bearer {server.token}"}
        )
        with pytest.raises(HTTPError) as raised, urlopen(request):
            pass
        assert raised.value.code == 500  # its `get` takes no path
        raised.value.close()
        assert "TypeError" in server.take_errors()


class Abstract(Fault):
    type = "abstract"


class Shouting(Fault):
    type = "Shouting!"

    def strike(self, schedule: Any, reply: Any, random: Any) -> Any:
        return schedule


class Taken(Shouting):
    type = "reset"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"upstreams": {"a/b": Upstream(otherwise=ServiceHandler)}}, r"upstreams\['a/b'\]: an alias is 1 to 128"),
        ({"upstreams": {"": Upstream(otherwise=ServiceHandler)}}, r"upstreams\[''\]: an alias is 1 to 128"),
        (
            {"upstreams": {"mine": object()}},
            r"upstreams\['mine'\]: expected an Upstream or a class of Serv.*not object",
        ),
        ({"upstreams": {"mine": dict}}, "not the class dict"),
        ({"faults": ["swap"]}, "faults: swap: expected a class of Fault, not str"),
        ({"faults": [Fault]}, "faults: Fault: expected a type"),
        ({"faults": [Abstract]}, r"faults: Abstract: Abstract does not define strike\(\)"),
        ({"faults": [Shouting]}, "faults: Shouting: expected its type to be 'Shouting!', of lower-case letters"),
        ({"faults": [Taken]}, "faults: Taken: there is another fault 'reset'"),
    ],
)
def test_what_is_no_extension_is_refused_by_name(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ExtensionError, match=says):
        gather(path=[], **given)
    with pytest.raises(SimulatorError, match=says), SimulatorThread(**given):
        pass


@pytest.mark.parametrize("name", ["upstreams", "faults"])
def test_a_process_cannot_be_handed_objects(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}: Python objects do not reach another process; take SimulatorThread"):
        SimulatorProcess(**{name: {}})


# By entry point.


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel of the example is installed, as a stranger's would be."""
    folder = tmp_path_factory.mktemp("extension")
    copytree(EXAMPLES / "extension", folder / "tree", ignore=ignore_patterns("__pycache__", "*.egg-info", "build"))
    for command in (
        ["build", "--no-isolation", "--wheel", "--outdir", str(folder), str(folder / "tree")],
        ["pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(folder / "site"), "oagw-example"],
    ):
        more = ["--find-links", str(folder)] if command[0] == "pip" else []
        result = subprocess.run([sys.executable, "-m", *command, *more], capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, result.stdout + result.stderr
    return folder / "site"


def test_an_installed_wheel_is_served(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(installed))
    with SimulatorProcess(event_interval="1ms", fault="swap;at-event=1") as server, Client(server.port) as client:
        reply = client.send(get("/api/oagw/v1/proxy/countdown/from/4")).reply()
        assert numbers(reply.body) == ["4", "2", "3", "1"]
        assert server.control.requests(limit=1)[0]["alias"] == "countdown"
        status = json.loads(client.send(get("/api/oagw/v1/status")).reply().body)
        assert status["registered_aliases"][-1] == "countdown"


def test_the_example_by_argument_prints_what_the_page_says() -> None:
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES / "extension")}
    command = [sys.executable, str(EXAMPLES / "by_argument.py")]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert (numbers(result.stdout.encode()), result.stderr) == (["4", "2", "3", "1"], "")


def fake(folder: Path, entry_points: str, name: str = "bad-plugin", module: str = "") -> Path:
    """A folder in which a package of that name is installed."""
    info = folder / f"{name.replace('-', '_')}-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(entry_points)
    (folder / f"{name.replace('-', '_')}.py").write_text(module)
    return folder


SERVICES, FAULTS = "[oagw_tornado.services]\n", "[oagw_tornado.faults]\n"
MODULE = "from oagw_tornado import *\nclass Mine(ServiceHandler):\n    pass\n"


@pytest.mark.parametrize(
    ("entry_points", "says"),
    [
        (f"{SERVICES}mine = nowhere:X", "entry point mine = nowhere:X (oagw_tornado.services, of bad-plugin): cannot "
         "be imported: ModuleNotFoundError: No module named 'nowhere'"),
        (f"{SERVICES}mine = bad_plugin:absent", "cannot be imported: AttributeError: "),
        (f"{SERVICES}mine = bad_plugin:__name__", "expected an Upstream or a class of ServiceHandler, not str"),
        (f"{SERVICES}weather = bad_plugin:Mine", "of bad-plugin): there is another alias 'weather'"),
        (f"{SERVICES}a b = bad_plugin:Mine", "an alias is 1 to 128 letters"),
        (f"{FAULTS}mine = bad_plugin:Mine", "expected a class of Fault, not the class Mine"),
        (f"{FAULTS}mine = bad_plugin:Fault", "expected its type to be 'mine'"),
        (f"{FAULTS}reset = oagw_tornado.faults.cuts:Reset", "there is another fault 'reset'"),
    ],
)  # fmt: skip
def test_a_bad_entry_point_is_one_line_that_names_it(
    entry_points: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(fake(tmp_path, entry_points, module=MODULE)))
    command = [sys.executable, "-m", "oagw_tornado", "--port=0"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert result.stderr.startswith("oagw-tornado: entry point ")
    assert result.stderr.count("\n") == 1
    assert says in result.stderr


def test_two_packages_cannot_have_one_alias(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        fake(tmp_path, f"{SERVICES}mine = {name}:Mine", name, MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ExtensionError, match="there is another alias 'mine'"):
        gather(path=[str(tmp_path)])


def test_the_first_of_two_installed_versions_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fake(tmp_path / "first", f"{SERVICES}mine = only:Mine", "only", MODULE)
    second = fake(tmp_path / "second", f"{SERVICES}mine = only:Mine", "only", MODULE)
    monkeypatch.syspath_prepend(str(first))
    assert list(gather(path=[str(first), str(second), str(tmp_path / "absent")]).upstreams) == ["mine"]


def test_where_nothing_is_installed_nothing_is_imported() -> None:
    code = "import sys; from oagw_tornado.extensions import gather; print(gather()); print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found, loaded = result.stdout.splitlines()
    assert found == str(Extensions())
    assert "importlib.metadata" not in loaded.split()
