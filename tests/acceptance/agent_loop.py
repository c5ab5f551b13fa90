"""A loop of five turns with two parallel tool calls in each, scripted once; any agent walks it unchanged."""

from __future__ import annotations

import json
from typing import Any

from acceptance.tool import Run, expect

from oagw_tornado.testing import Text, ToolCall, Usage

CITIES = ["Oslo", "Rome", "Bonn", "Kyiv"]
ANSWER = "It is 7 degrees everywhere."

STEPS: list[Any] = [
    *([ToolCall("get_weather", city=city), ToolCall("get_time", zone="CET")] for city in CITIES),
    [Text(ANSWER), Usage(output=9)],
]


def walk(run: Run, program: str, *variants: str) -> str:
    """Run an agent once for each of its variants, and see that it came to the end as the script has it.

    The program is called with the variant, the base URLs of OpenAI and of Anthropic, and the token; it prints what the
    tools were asked, a line of JSON for each call, and the answer as the last line.
    """
    (run.folder / "agent.py").write_text(program)
    anthropic = f"{run.alias_url.removesuffix('openai')}anthropic"
    for variant in variants:
        run.server.control.reset()
        for turn, step in enumerate(STEPS, 1):
            run.server.control.reply(step, match={"turn": turn})
        output = run.run(run.python, "agent.py", variant, run.openai_url, anthropic, run.server.token)
        lines = [json.loads(line) for line in output.splitlines() if line[:1] in '{"']
        expect(lines and lines[-1] == ANSWER, f"{variant}: {output}")
        asked = [(call["tool"], call["argument"]) for call in lines[:-1]]
        wanted = [call for city in CITIES for call in (("get_time", "CET"), ("get_weather", city))]
        # The two of a turn run at once, in either order.
        seen = [call for at in range(0, len(asked), 2) for call in sorted(asked[at : at + 2])]
        expect(seen == wanted, f"{variant}: {asked}")
        sent = [request["rule"] for request in run.server.control.requests() if request["method"] == "POST"]
        expect(len(sent) == len(STEPS) and None not in sent, f"{variant}: {sent}")
    return f"five turns with two parallel tool calls in each: {', '.join(variants)}"
