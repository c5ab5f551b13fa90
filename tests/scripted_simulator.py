"""A simulator that does not wait, for rules that say what is answered. A module names the fixtures that it uses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from oagw_tornado.testing import SimulatorThread


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorThread]:
    with SimulatorThread(inter_token_latency="0", event_interval="0") as server:
        yield server


@pytest.fixture
def control(simulator: SimulatorThread) -> Iterator[Any]:
    simulator.control.reset()
    yield simulator.control
    simulator.control.reset()


@pytest.fixture(scope="module")
def http(simulator: SimulatorThread) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {simulator.token}"}
    with httpx.Client(base_url=f"{simulator.base_url}/api/oagw/v1/proxy", headers=headers, timeout=20) as client:
        yield client
