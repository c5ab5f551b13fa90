"""The simulated upstreams: pure functions that make replies, and thin handlers.

Imports `units`, `reply`, `config`, `gateway`.
"""
