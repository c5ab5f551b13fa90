"""Upstreams that are real: requests are passed on, replies passed back, and written down. Imports all rooms above it
but `services`."""
