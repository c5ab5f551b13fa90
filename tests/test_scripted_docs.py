"""The page on scripts: its YAML starts a server, its Python passes; and the commands for files of rules."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from oagw_tornado.config.aimock import convert_fixtures
from oagw_tornado.config.config import read_config
from oagw_tornado.config.file_schema import file_schema
from oagw_tornado.config.settings import ConfigError
from oagw_tornado.reply.script import parse_reply

PAGE = (Path(__file__).parent.parent / "docs" / "scripts.md").read_text(encoding="utf-8")
FILES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
INLINE = re.findall(r"`(reply: [^`]+)`", PAGE)


def read(text: str, **files: str) -> Any:
    def read_file(path: str) -> str:
        if path == "sim.yaml":
            return text
        if path not in files:
            raise OSError(2, "No such file or directory")
        return files[path]

    return read_config(["--config", "sim.yaml"], {}, read_file)


@pytest.mark.parametrize("text", FILES)
def test_the_files_of_the_page_are_read_and_fit_the_schema(text: str) -> None:
    assert read(text).rules
    jsonschema.validate(yaml.safe_load(text), file_schema())


@pytest.mark.parametrize("text", INLINE)
def test_the_replies_of_the_page_are_replies(text: str) -> None:
    if "json | text" not in text:
        parse_reply(yaml.safe_load(text)["reply"])


AGENT = """
from langchain_core.messages import ToolMessage
from langchain_openai import ChatOpenAI

def get_weather(city: str) -> str:
    "The weather in a city."
    return f"7 C in {city}"

def get_time(zone: str) -> str:
    "The time in a zone."
    return "noon"

def how_warm(url, token):
    tools = {"get_weather": get_weather, "get_time": get_time}
    model = ChatOpenAI(model="gpt-4", base_url=url, api_key=token, max_retries=0).bind_tools(list(tools.values()))
    messages = [("user", "How warm is it?")]
    while True:
        messages.append(message := model.invoke(messages))
        if not message.tool_calls:
            return message.text
        assert len(message.tool_calls) == 2
        for call in message.tool_calls:
            messages.append(ToolMessage(tools[call["name"]](**call["args"]), tool_call_id=call["id"]))
"""


def test_the_python_of_the_page_passes_with_an_agent_of_langchain(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    (tmp_path / "agent.py").write_text(AGENT)
    (tmp_path / "test_agent.py").write_text(code)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_agent.py"]
    environment = {**os.environ, "PYTHONPATH": f"{Path(__file__).parent.parent}{os.pathsep}{tmp_path}"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    "text",
    ["rules: [{replay: x}]", "rules: [{reply: [{txet: x}]}]", "upstreams: {x: {servce: openai}}", "prot: 1"],
)
def test_the_schema_refuses_what_the_server_refuses(text: str) -> None:
    with pytest.raises(ConfigError):
        read(text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), file_schema())


def test_a_file_is_part_of_its_rule(tmp_path: Path) -> None:
    rule = "rules:\n  - match: {alias: github}\n    reply: {file: data/page.json, status: 201}\n"
    config = read(rule, **{"data/page.json": '{"a": 1}'})
    assert config.rules[0]["reply"]["text"] == '{"a": 1}'
    assert config.rules[0]["reply"]["headers"] == {"Content-Type": "application/json"}
    for name, problem in (
        ("/etc/passwd", "is not in the directory"),
        ("../secret", "is not in the directory"),
        ("a/../../b", "is not in the directory"),
        ("none.json", "cannot read 'none.json': No such file"),
    ):
        with pytest.raises(ConfigError, match=problem) as caught:
            read(f"rules:\n  - {{}}\n  - reply: {{file: {name}}}\n")
        assert "line 3: reply.file" in str(caught.value)


FIXTURES = {
    "fixtures": [
        {"match": {"userMessage": "what?"}, "response": {"toolCalls": [{"name": "f", "arguments": "{}"}]}},
        {
            "match": {"userMessage": "x", "hasToolResult": True, "turnIndex": 1, "toolCallId": "c1"},
            "response": {"content": "hi", "reasoning": "hm", "usage": {"prompt_tokens": 3}, "finishReason": "stop"},
            "latency": 20,
        },
        {"match": {"sequenceIndex": 1}, "response": {"error": {"message": "no"}, "status": 429}, "chunkSize": 3},
        {"match": {"predicate": "code"}, "response": {"content": "a"}},
    ]
}


def test_fixtures_of_aimock_become_rules() -> None:
    rules, left_out = convert_fixtures(FIXTURES)
    assert rules == [
        {"match": {"last-message": "*what[?]*"}, "reply": [{"tool": {"name": "f", "arguments": "{}"}}]},
        {
            "match": {"any-message": "*x*", "turn": 2, "tool-result": {"c1": "*"}},
            "reply": [{"reasoning": "hm"}, {"text": "hi"}, {"usage": {"input": 3}}, {"finish": "stop"}],
            "inter-token-latency": "20ms",
        },
        {"when": {"after": 1, "first": 1}, "reply": [{"error": {"status": 429, "message": "no"}}]},
    ]
    assert left_out == [
        "fixture 3: chunkSize has no counterpart",
        "fixture 4: match.predicate has no counterpart; it is left out",
    ]


def test_the_commands_for_files_of_rules(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "oagw_tornado", "rules", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    (tmp_path / "bad.yaml").write_text("rules:\n  - {}\n  - name: mine\n    reply: [{txet: x}]\n")
    checked = run("check", "bad.yaml")
    assert checked.returncode != 0
    assert "line 3: mine: reply[0]: expected one of text," in checked.stderr
    assert checked.stderr.count("\n") == 1
    (tmp_path / "fixtures.json").write_text(json.dumps(FIXTURES))
    converted = run("convert", "fixtures.json")
    assert converted.returncode == 1
    assert converted.stderr.count("\n") == 2
    (tmp_path / "good.yaml").write_text(converted.stdout)
    assert run("check", "good.yaml").returncode == 0
    assert json.loads(run("schema").stdout) == json.loads(json.dumps(file_schema()))
    for wrong in (["convert"], ["check"], ["schema", "x"], ["convert", "none.json"], ["chekc", "x"]):
        refused = run(*wrong)
        assert refused.returncode != 0
        assert refused.stderr.count("\n") == 1
