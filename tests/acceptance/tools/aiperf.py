"""AIPerf, from its docs: ``aiperf profile --model … --url … --endpoint-type chat --streaming``.

It reads vLLM's metrics at ``{url}/metrics`` while it runs, and warns when a reply has not as many tokens as it
asked for.
"""

from __future__ import annotations

import json
from typing import Any

from acceptance.tokenizer import TOKENIZER, saved_tokenizer
from acceptance.tool import Run, Tool, expect

REQUESTS, TOKENS = 20, 30
METRICS = (
    "vllm:num_requests_running",
    "vllm:time_to_first_token_seconds",
    "vllm:inter_token_latency_seconds",
    "vllm:e2e_request_latency_seconds",
    "vllm:generation_tokens",
)


def check(run: Run) -> str:
    tokenizer = saved_tokenizer(run)
    for endpoint in ("chat", "completions"):
        profile(run, tokenizer, endpoint)
    return f"chat and completions, streamed: {TOKENS} tokens asked for and counted; read {', '.join(METRICS)}"


def profile(run: Run, tokenizer: str, endpoint: str) -> None:
    folder = run.folder / endpoint
    output = run.run(
        *(run.program("aiperf"), "profile", "--model", "gpt-4", "--url", run.alias_url, "--api-key", run.server.token),
        *("--endpoint-type", endpoint, "--streaming", "--tokenizer", tokenizer, "--wait-for-model-timeout", "30"),
        *(
            "--synthetic-input-tokens-mean",
            "64",
            "--output-tokens-mean",
            str(TOKENS),
            "--extra-inputs",
            "ignore_eos:true",
        ),
        *("--request-count", str(REQUESTS), "--concurrency", "4", "--ui", "none", "--output-artifact-dir", str(folder)),
    )
    expect("Output Sequence Length Mismatch" not in output, output[-3000:])
    report: dict[str, Any] = json.loads((folder / "profile_export_aiperf.json").read_text())
    expect(report["request_count"]["avg"] == REQUESTS, report["request_count"])
    lengths = report["output_sequence_length"]
    expect(lengths["min"] == lengths["max"] == TOKENS, f"{endpoint}: {lengths}")
    found = (folder / "server_metrics_export.json").read_text()
    missing = [name for name in METRICS if name not in found]
    expect(not missing, f"not among the server's metrics: {', '.join(missing)}")


TOOL = Tool(
    requirements=("aiperf==0.13.0", TOKENIZER),
    check=check,
    options={"time_to_first_token": "20ms", "inter_token_latency": "5ms", "filler": True},
)
