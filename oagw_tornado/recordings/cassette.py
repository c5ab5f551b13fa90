"""Cassettes of vcrpy as recordings. They have no times, so the knobs supply them, as for a simulated reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from oagw_tornado.recordings.foreign import Imported, alias_of, reads_of, request_of, whole_reply
from oagw_tornado.recordings.format import Fields, RecordedReply, RecordingHead
from oagw_tornado.recordings.recording import Recording
from oagw_tornado.units.documents import quoted


def import_cassette(document: Any, alias: str | None = None) -> Imported:
    """The interactions of a cassette, from parsed YAML or JSON. Raises ValueError if it is not a cassette.

    Without an `alias` each is told from its URI.
    """
    interactions = document.get("interactions") if isinstance(document, dict) else None
    if not isinstance(interactions, list):
        raise ValueError("expected {interactions: […], version: 1}, a cassette of vcrpy")
    found = Imported([], [])
    for number, interaction in enumerate(interactions, 1):
        try:
            found.recordings.append(_recording(interaction, number, alias))
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            found.left_out.append(f"interaction {number}: {str(error)[:200]}; it is left out")
    return found


def _recording(interaction: Any, number: int, given_alias: str | None) -> Recording:
    request, response = _object(interaction, "request"), _object(interaction, "response")
    uri = request.get("uri")
    if not isinstance(uri, str):
        raise ValueError(f"request.uri: expected a text, not {quoted(uri)}")
    alias, path = alias_of(uri)
    asked = request_of(
        str(request.get("method") or "GET"),
        path,
        urlsplit(uri).query,
        _headers(request.get("headers")),
        _bytes(request.get("body")),
    )
    status = response.get("status")
    code = status.get("code") if isinstance(status, dict) else response.get("status_code")
    if type(code) is not int or not 200 <= code <= 599:
        raise ValueError(f"response.status.code: expected 200 to 599, not {quoted(code)}")
    reason = status.get("message") if isinstance(status, dict) else response.get("http_version")
    body = _bytes(response.get("body") if "body" in response else response.get("content"))
    reply = RecordedReply(code, reason if isinstance(reason, str) and isinstance(status, dict) else "",
                          _headers(response.get("headers")))  # fmt: skip
    # They are in the order in which they were recorded, which is all that is known about their times.
    at = f"1970-01-01T00:00:{number // 1_000_000 % 60:02}.{number % 1_000_000:06}Z"
    _, reads = reads_of(reply.headers, body, 0, 0)
    return whole_reply(RecordingHead(given_alias or alias, at, asked, reply, None), reads, body, "complete")


def _headers(given: Any) -> Fields:
    if not isinstance(given, dict):
        return ()
    return tuple(
        (str(name), str(value))
        for name, values in given.items()
        for value in (values if isinstance(values, list) else [values])
    )


def _bytes(body: Any) -> bytes:
    """A body in any of the forms that vcrpy writes."""
    if isinstance(body, dict):
        body = body.get("string", body.get("base64_string"))
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    if isinstance(body, bytes):
        return body
    raise ValueError(f"body: expected a text or bytes, not {quoted(body)}")


def _object(value: Any, key: str) -> Mapping[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, dict):
        raise ValueError(f"{key}: expected an object, not {quoted(found)}")
    return found
