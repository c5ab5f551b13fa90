"""The upstreams that the gateway proxies to: each is pure functions that make replies, and thin handlers."""
