"""What a terminal shows after the ready line: where to point a client, and how to stop."""

from __future__ import annotations

from collections.abc import Sequence

#: Addresses that mean every interface, and that a client cannot connect to.
_ANY = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}

_CHAT = '{"stream": true, "messages": [{"role": "user", "content": "hi"}]}'


def greeting(
    scheme: str, host: str, port: int, tokens: Sequence[str], public: Sequence[str], control: str | None = None
) -> str:
    """Base URLs, token, the page and a command to try, for a server at `host` (with its brackets) and `port`.

    `control` is the URL of the page's server where that is another; empty: there is none.

    A token is shown if it is one of `public`, those that everybody knows; any other is the person's own secret.
    """
    here = f"{scheme}://{_ANY.get(host, host)}:{port}"
    proxy = f"{here}/api/oagw/v1/proxy"
    page = f"\n  page       {(here if control is None else control).rstrip('/')}/_sim/" if control != "" else ""
    shown = tokens[0] if tokens[0] in public else None
    token = shown or "the one that you gave"
    return f"""\
  upstreams  {proxy}/ALIAS/PATH
  OpenAI     {proxy}/openai/v1
  token      {token}{page}
  try        curl -N {proxy}/openai/v1/chat/completions -H 'Authorization: Bearer {shown or "TOKEN"}' -d '{_CHAT}'
  stop       Ctrl-C"""


def draining(running: int, timeout: str) -> str:
    """What the first signal says while `running` replies are under way, which have `timeout` to end."""
    replies = "1 reply" if running == 1 else f"{running} replies"
    return f"draining, again to stop now ({replies} under way, at most {timeout})"
