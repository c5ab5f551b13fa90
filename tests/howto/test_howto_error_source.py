"""Tell the gateway's errors from the upstream's

Both may have the same status, and only one of them may be worth a retry. Every reply carries `X-OAGW-Error-Source`; a
rule's `source` sets it.
"""

import pytest

from oagw_tornado.client import ErrorSource, OagwClient


@pytest.mark.parametrize("source", [ErrorSource.UPSTREAM, ErrorSource.GATEWAY])
def test_same_status_from_either(oagw, oagw_client, source):
    oagw.add_rule(match={"alias": "weather"}, source=source.value, fault="status;code=503")

    response = oagw_client.execute("weather", "GET", "/current")

    assert response.status == 503
    assert response.error_source is source


def test_what_the_gateway_refuses_reaches_no_upstream(oagw):
    with OagwClient(oagw.base_url, "not the token") as client:
        response = client.execute("weather", "GET", "/current")

    assert (response.status, response.error_source) == (403, ErrorSource.GATEWAY)
    assert response.headers["x-should-retry"] == "false"


def test_error_of_the_upstream_comes_through(oagw, oagw_client):
    response = oagw_client.execute("github", "GET", "/users/nobody")

    assert (response.status, response.error_source) == (404, ErrorSource.UPSTREAM)
