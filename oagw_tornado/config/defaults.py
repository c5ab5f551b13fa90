"""Defaults that clients and tests rely on as well."""

#: The bearer token that the gateway accepts unless told otherwise.
DEFAULT_TOKEN = "test-integration-token"

#: Where the server listens unless told otherwise.
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8765

#: Names of the models that there are.
DEFAULT_MODELS = ("gpt-4", "gpt-3.5-turbo")
