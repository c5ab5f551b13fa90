"""Real upstreams: requests are passed on, replies passed back and recorded. Imports all folders above it
but `services`."""
