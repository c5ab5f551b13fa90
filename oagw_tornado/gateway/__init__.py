"""The gateway: who replies to a request, and who is let through."""
