"""A service and a fault for oagw-tornado."""
