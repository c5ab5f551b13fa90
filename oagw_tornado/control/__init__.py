"""``/_sim/*`` and ``/metrics``: evidence of what happened, and control of what is to happen."""
