"""One request of the journal, as tests read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from oagw_tornado.evidence.service_path import service_path


class Request(dict[str, Any]):
    """An entry of ``/_sim/requests``: the JSON object, with its usual parts as typed attributes.

    Times are in seconds; offsets count from the arrival of the request's last byte. Credentials are ``***``.
    """

    @property
    def id(self) -> str:
        """The id, as in the reply's ``X-Request-Id``."""
        return cast(str, self["id"])

    @property
    def method(self) -> str:
        return cast(str, self["method"])

    @property
    def alias(self) -> str | None:
        """The upstream that was reached."""
        return cast("str | None", self["alias"])

    @property
    def target(self) -> str:
        """Path and query, as received."""
        return cast(str, self["target"])

    @property
    def service_path(self) -> str:
        """The path as the service sees it; the whole path if the request was for no service."""
        return service_path(self["path"])

    @property
    def headers(self) -> Mapping[str, str]:
        return cast("dict[str, str]", self["headers"])

    def header(self, name: str) -> str | None:
        """The value of a header, whatever the case of its name; None if it is not there."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)

    @property
    def body(self) -> str:
        """The part of the body that was kept (``--journal-body-size``), as text."""
        return cast(str, self["body"]["head"])

    @property
    def json(self) -> Any:
        """The body as JSON. Raises ValueError if it is not JSON, or was not kept whole."""
        return json.loads(self.body)

    @property
    def model(self) -> str | None:
        """``model`` of a JSON body."""
        try:
            document = self.json
        except ValueError:
            return None
        model = document.get("model") if isinstance(document, dict) else None
        return model if isinstance(model, str) else None

    @property
    def rule(self) -> str | None:
        """The rule that applied."""
        return cast("str | None", self["rule"])

    @property
    def status(self) -> int | None:
        """The status of the reply; None until there is one."""
        return cast("int | None", self["status"])

    @property
    def source(self) -> str | None:
        """Who made the reply: ``upstream`` or ``gateway``."""
        return cast("str | None", self["source"])

    @property
    def outcome(self) -> str | None:
        """How it ended: ``complete``, ``client-left``, ``fault:reset``; None while it runs."""
        return cast("str | None", self["outcome"])

    @property
    def events_sent(self) -> int:
        return cast(int, self["events_sent"])

    @property
    def first_event(self) -> float | None:
        """Offset of the first event of a stream."""
        return cast("float | None", self["first_event"])

    @property
    def ended(self) -> float | None:
        """Offset of the end; None while it runs."""
        return cast("float | None", self["ended"])

    @property
    def planned(self) -> list[float]:
        """Planned offsets of a stream's events. Only of a request that was asked for with its events."""
        return cast("list[float]", self["events"]["planned"])

    @property
    def actual(self) -> list[float]:
        """Actual offsets of a stream's events. Only of a request that was asked for with its events."""
        return cast("list[float]", self["events"]["actual"])
