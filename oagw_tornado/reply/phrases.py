"""Reason phrases for the status line: the registered one, or the customary one of an unregistered status."""

from __future__ import annotations

from http.client import responses

#: Statuses without a registered phrase that servers and proxies send all the same.
WIDESPREAD = {
    419: "Page Expired",
    420: "Enhance Your Calm",
    430: "Request Header Fields Too Large",
    440: "Login Time-out",
    444: "No Response",
    449: "Retry With",
    450: "Blocked by Parental Controls",
    460: "Client Closed Connection",
    463: "Too Many Forwarded Addresses",
    464: "Incompatible Protocol",
    494: "Request Header Too Large",
    495: "SSL Certificate Error",
    496: "SSL Certificate Required",
    497: "HTTP Request Sent to HTTPS Port",
    498: "Invalid Token",
    499: "Client Closed Request",
    509: "Bandwidth Limit Exceeded",
    520: "Web Server Returned an Unknown Error",
    521: "Web Server Is Down",
    522: "Connection Timed Out",
    523: "Origin Is Unreachable",
    524: "A Timeout Occurred",
    525: "SSL Handshake Failed",
    526: "Invalid SSL Certificate",
    527: "Railgun Error",
    529: "Overloaded",
    530: "Site Is Frozen",
    540: "Temporarily Disabled",
    561: "Unauthorized",
    598: "Network Read Timeout Error",
    599: "Network Connect Timeout Error",
}

#: What the first digit says (RFC 9110, section 15).
CLASSES = {1: "Informational", 2: "Success", 3: "Redirection", 4: "Client Error", 5: "Server Error"}


def phrase(status: int) -> str:
    """The reason phrase of `status`.

    >>> phrase(503), phrase(529), phrase(499), phrase(477)
    ('Service Unavailable', 'Overloaded', 'Client Closed Request', 'Client Error')
    """
    return responses.get(status) or WIDESPREAD.get(status) or CLASSES.get(status // 100, "Unknown")
