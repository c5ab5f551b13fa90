"""GuideLLM, from its README: ``guidellm run --backend kind=openai_http,target=… --data kind=synthetic_text,…``.

It asks ``{target}/health`` whether the server is there and ``/v1/models`` for a model, and then wants exactly as many
tokens as it asks for. Its tokenizer is Claude's: of those that a package brings along, the one that transformers reads.
"""

from __future__ import annotations

import json
from typing import Any

from acceptance.tokenizer import TOKENIZER, saved_tokenizer
from acceptance.tool import Run, Tool, expect

REQUESTS, TOKENS = 6, 30
FORMATS = ("/v1/chat/completions", "/v1/completions", "/v1/responses")


def check(run: Run) -> str:
    tokenizer = saved_tokenizer(run)
    for request_format in FORMATS:
        for stream in ("true", "false"):
            benchmark(run, tokenizer, request_format, stream)
    sent = [row for row in run.server.control.requests(alias="openai") if row["method"] == "POST"]
    expect(len(sent) >= len(FORMATS) * 2 * REQUESTS, f"{len(sent)} requests arrived")
    return f"{', '.join(FORMATS)}, streamed and whole: {TOKENS} tokens asked for, and had, {len(sent)} times"


def benchmark(run: Run, tokenizer: str, request_format: str, stream: str) -> None:
    backend = f"kind=openai_http,target={run.alias_url},api_key={run.server.token}"
    run.run(
        *(run.program("guidellm"), "run"),
        *("--backend", f"{backend},request_format={request_format},stream={stream}"),
        *("--profile", "kind=concurrent,streams=2"),
        *("--constraint", f"kind=max_requests,count={REQUESTS}"),
        *("--data", f"kind=synthetic_text,prompt_tokens=64,output_tokens={TOKENS}"),
        *("--tokenizer", f"kind=hf_auto,model={tokenizer}"),
        *("--output", "kind=json,path=report.json", "--disable-console-interactive"),
    )
    report: dict[str, Any] = json.loads((run.folder / "report.json").read_text())
    (benchmark,) = report["benchmarks"]
    requests = benchmark["requests"]
    where = f"{request_format} stream={stream}"
    expect(len(requests["successful"]) == REQUESTS, f"{where}: {len(requests['successful'])} succeeded")
    expect(not requests["errored"], f"{where}: {requests['errored']}")
    counted = [request["output_metrics"]["text_tokens"] for request in requests["successful"]]
    expect(counted == [TOKENS] * REQUESTS, f"{where}: {counted} tokens")


TOOL = Tool(
    requirements=("guidellm==0.8.1", TOKENIZER),
    check=check,
    options={"time_to_first_token": "20ms", "inter_token_latency": "2ms"},
)
