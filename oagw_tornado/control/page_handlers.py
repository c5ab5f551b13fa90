"""The page at ``/_sim/`` and the redirects to it. The page is static; its data comes from the other endpoints."""

from __future__ import annotations

from typing import Any

from oagw_tornado import __version__
from oagw_tornado.control.access import is_browser
from oagw_tornado.control.control import ControlPlane
from oagw_tornado.control.handlers import ControlHandler
from oagw_tornado.control.vocabulary import vocabulary
from oagw_tornado.gateway.refusal import refusal
from oagw_tornado.page.assets import INDEX, Asset, assets
from oagw_tornado.reply.reply import Headers, Reply

#: Nothing but the page's own files runs, is loaded or asked; no other page may frame it. Texts cannot become markup,
#: whatever a script tries (Trusted Types).
SECURITY: Headers = (
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


class FileHandler(ControlHandler):
    """Sends files of the page; a browser keeps them and asks each time whether they are still the same."""

    def send(self, asset: Asset) -> None:
        known = self.request.headers.get("If-None-Match") or ""
        headers: Headers = (("Content-Type", asset.media_type), ("Cache-Control", "no-cache"), ("Etag", asset.etag))
        if asset.etag in known or known.strip() == "*":
            self.respond(Reply(304, headers[1:] + SECURITY, b"", source=None))
        else:
            self.respond(Reply(200, headers + SECURITY, asset.body, source=None))


class Page(FileHandler):
    """``/_sim/``: the live page."""

    def get(self, control: ControlPlane) -> None:
        self.send(assets()[INDEX])

    head = get


class PageFile(FileHandler):
    """``/_sim/assets/{name}``: its scripts and style sheets."""

    def get(self, control: ControlPlane, name: str) -> None:
        asset = assets().get(name)
        if asset is None:
            self.respond(refusal(404, f"The page has no file {name[:80]!r}"))
        else:
            self.send(asset)

    head = get


class ToThePage(ControlHandler):
    """``/_sim``: the page's relative links need the slash."""

    def get(self, control: ControlPlane) -> None:
        self.redirect_to("/_sim/")

    head = get

    def redirect_to(self, path: str) -> None:
        self.respond(Reply(302, (("Location", path), ("Vary", "Accept"), *SECURITY), b"", source=None))


class Root(ToThePage):
    """``/``: leads a browser to the page, and tells everybody else where what is."""

    def get(self, control: ControlPlane) -> None:
        if is_browser(self.request.headers):
            self.redirect_to("/_sim/")
        else:
            self.say(self._index(control))

    head = get

    def _index(self, control: ControlPlane) -> dict[str, Any]:
        here = f"{self.request.protocol}://{self.request.host}"
        gateway = control.own_addresses[0].rstrip("/") if control.own_addresses else here
        return {
            "service": "oagw-tornado",
            "version": __version__,
            "page": f"{here}/_sim/",
            "proxy": f"{gateway}/api/oagw/v1/proxy/ALIAS/PATH",
            "aliases": list(control.responder.aliases),
            "status": f"{gateway}/api/oagw/v1/status",
            "health": f"{gateway}/health",
            "requests": f"{here}/_sim/requests",
            "timing": f"{here}/_sim/timing",
            "verdict": f"{here}/_sim/verdict",
            "config": f"{here}/_sim/config",
            "rules": f"{here}/_sim/rules",
            "metrics": f"{here}/metrics",
            "openapi": f"{here}/_sim/openapi.json",
        }


class Vocabulary(ControlHandler):
    """``/_sim/vocabulary``: the options that can change, the faults and the keys of rules, for forms to be made of."""

    def get(self, control: ControlPlane) -> None:
        self.say(vocabulary())

    head = get
