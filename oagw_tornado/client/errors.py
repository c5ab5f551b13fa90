"""What can go wrong between the client and the gateway. A 4xx or 5xx status is a reply, not an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpcore
import httpx


class OagwError(Exception):
    """Base class of the client's errors."""


class OagwConnectionError(OagwError, ConnectionError):
    """No connection could be made, or it was lost (reset) during the request."""


class OagwTimeoutError(OagwError, TimeoutError):
    """The timeout of the request, including its body, has passed."""


class OagwResponseError(OagwError, ValueError):
    """The reply is not what was expected: invalid HTTP, incomplete, not JSON, or not an event stream."""


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the libraries below as the client's own."""
    try:
        yield
    except (httpcore.TimeoutException, httpx.TimeoutException, TimeoutError) as error:
        if isinstance(error, OagwError):
            raise
        raise OagwTimeoutError("the request timed out") from error
    except (httpcore.RemoteProtocolError, httpx.RemoteProtocolError, httpx.DecodingError) as error:
        raise OagwResponseError(f"the reply is incomplete or not valid: {error}") from error
    except (httpcore.NetworkError, httpx.NetworkError) as error:
        raise OagwConnectionError(f"the connection failed: {str(error) or type(error).__name__}") from error
