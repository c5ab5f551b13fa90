"""How many inputs each property tries: a fixed few in every run of the suite, more where somebody asks for them.

``OAGW_FUZZ_EXAMPLES=100000 pytest tests/fuzz`` tries as many for each property.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("OAGW_FUZZ_EXAMPLES", "150"))

#: For ``@budget``: the same inputs in every run of the suite, new ones in a longer run.
budget = settings(
    max_examples=EXAMPLES,
    derandomize=EXAMPLES <= 150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
