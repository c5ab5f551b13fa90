"""The same service and fault, handed to a simulator as arguments: run it with examples/extension on PYTHONPATH."""

from urllib.request import Request, urlopen

from oagw_example.countdown import COUNTDOWN
from oagw_example.swap import Swap

from oagw_tornado import SimulatorThread

with SimulatorThread(upstreams={"countdown": COUNTDOWN}, faults=[Swap], event_interval="10ms") as oagw:
    request = Request(
        f"{oagw.base_url}/api/oagw/v1/proxy/countdown/from/4",
        headers={"Authorization": f"Bearer {oagw.token}", "X-Sim-Fault": "swap;at-event=1"},
    )
    with urlopen(request) as reply:
        print(reply.read().decode())
