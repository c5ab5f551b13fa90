"""Recordings in the place of an upstream: which one answers a request, when it leaves, and how true that was. May
import every room above it."""
