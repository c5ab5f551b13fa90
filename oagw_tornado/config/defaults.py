"""Defaults that clients and tests rely on, too."""

#: The bearer token that the gateway accepts unless told otherwise.
DEFAULT_TOKEN = "test-integration-token"
