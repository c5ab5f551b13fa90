"""What is said: replies, their schedules, server-sent events, error bodies. Pure. Imports `units`."""
