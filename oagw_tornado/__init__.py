"""A whole simulated outbound API gateway, its upstreams included, in one Tornado process."""

__version__ = "0.1.0"
