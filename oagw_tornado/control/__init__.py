"""``/_sim/*`` and ``/metrics``: evidence of what happened, control of what is to happen.

Imports every folder above it but `services`.
"""
