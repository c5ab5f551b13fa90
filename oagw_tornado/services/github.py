"""GitHub: one user, and any repository."""

from __future__ import annotations

from oagw_tornado.reply.reply import JSON, Reply, json_reply
from oagw_tornado.services.handler import ServiceHandler

OCTOCAT = json_reply(
    {
        "login": "octocat",
        "id": 1,
        "type": "User",
        "name": "The Octocat",
        "company": "GitHub",
        "blog": "https://github.blog",
    }
).body
NOT_FOUND = json_reply({"message": "Not Found"}).body


def repository(owner: str, name: str) -> Reply:
    """The repository `owner`/`name`, which always exists."""
    full_name = f"{owner}/{name}"
    return json_reply(
        {
            "name": full_name,
            "full_name": full_name,
            "description": "A mock repository for testing",
            "private": False,
            "html_url": f"https://github.com/{full_name}",
        }
    )


class Octocat(ServiceHandler):
    """``users/octocat``"""

    def serve(self, *path_args: str) -> None:
        self.respond(Reply(200, JSON, OCTOCAT))


class Repository(ServiceHandler):
    """``repos/<owner>/<name>``"""

    def serve(self, *path_args: str) -> None:
        self.respond(repository(*path_args))


class NotFound(ServiceHandler):
    """Any other path."""

    def serve(self, *path_args: str) -> None:
        self.respond(Reply(404, JSON, NOT_FOUND))
