"""The pages of docs/howto, generated from the tests beside this file by ``python tests/howto/pages.py``."""

from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PAGES = ROOT / "docs" / "howto"
INDEX = PAGES / "README.md"

ORDER = (
    "retry_on_429",
    "client_that_behaves",
    "stalled_stream",
    "cancel_upstream",
    "resume_after_reset",
    "error_source",
    "slow_first_token",
    "gate",
    "seeded_load",
    "lateness",
    "reverse_proxy",
    "record_a_day",
    "between_gateway_and_upstream",
    "agent_with_two_tools",
    "reasoning_then_answer",
    "refusal",
    "context_filled_up",
    "tool_call_with_broken_json",
    "two_tests_side_by_side",
    "replay_in_ci",
    "replay_faster_with_a_reset",
)


def source(name: str) -> Path:
    return HERE / f"test_howto_{name}.py"


def page(name: str) -> Path:
    return PAGES / f"{name.replace('_', '-')}.md"


def parts(name: str) -> tuple[str, str, str]:
    """Title, text and code of a how-to."""
    whole = source(name).read_text(encoding="utf-8")
    docstring = ast.parse(whole).body[0]
    title, _, text = (ast.get_docstring(ast.parse(whole)) or "").partition("\n\n")
    code = "".join(whole.splitlines(keepends=True)[docstring.end_lineno :])
    return title, text, code.lstrip("\n")


def rendered(name: str) -> str:
    """The page of a how-to."""
    title, text, code = parts(name)
    where = source(name).relative_to(ROOT).as_posix()
    return f"# {title}\n\n{text}\n\n```python\n{code}```\n\nThis is [{where}](../../{where}), a test of this project.\n"


def rendered_index() -> str:
    lines = [f"- [{parts(name)[0]}]({page(name).name})" for name in ORDER]
    return (
        "# How-tos\n\nEach page is one of this project's tests. They use the fixtures of the\n"
        "[pytest plugin](../testing.md); the same works with `SimulatorProcess` and its `control`.\n\n"
        + "\n".join(lines)
        + "\n"
    )


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    INDEX.write_text(rendered_index(), encoding="utf-8")
    for name in ORDER:
        page(name).write_text(rendered(name), encoding="utf-8")
