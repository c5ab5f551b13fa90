"""What load generators scrape of an inference server: metrics of its models, by vLLM's names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from test_engine import MESSAGES, OPENAI, ask, bare
from wire import PROXY, Client, VisibleServer, post, serving


@pytest.fixture(scope="module")
def shared(wire: str) -> Iterator[VisibleServer]:
    with serving(wire, models=["llama", "qwen", "claude-mine"]) as server:
        yield server


@pytest.fixture
def server(shared: VisibleServer) -> VisibleServer:
    shared.control.reset()
    return shared


def metrics(server: VisibleServer, alias: str = "openai") -> dict[str, float]:
    with Client(server.port) as client:
        text = client.send(bare(f"{PROXY}/{alias}/metrics")).reply().body.decode()
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def sample(name: str, model: str = "llama", **labels: str) -> str:
    return f"vllm:{name}{sorted({'engine': '0', 'model_name': model, **labels}.items())}"


# Metrics.


def test_metrics_of_a_server_that_has_just_started(server: VisibleServer) -> None:
    now = metrics(server)
    for name in ("num_requests_running", "num_requests_waiting", "prompt_tokens_total", "generation_tokens_total"):
        assert now[sample(name)] == now[sample(name, "qwen")] == 0
    assert now[sample("request_success_total", finished_reason="length")] == 0
    for name in (
        *("time_to_first_token_seconds", "inter_token_latency_seconds", "time_per_output_token_seconds"),
        *("e2e_request_latency_seconds", "request_queue_time_seconds", "request_prompt_tokens"),
    ):
        assert now[sample(f"{name}_count")] == now[sample(f"{name}_sum")] == 0
        assert now[sample(f"{name}_bucket", le="+Inf")] == 0


def test_metrics_are_what_happened(server: VisibleServer) -> None:
    asked = {"model": "llama", "messages": MESSAGES, "max_tokens": 5, "ignore_eos": True}
    with Client(server.port) as client:
        lines = ("X-Sim-Ttft: 30ms", "X-Sim-Itl: 12ms", "X-Request-Id: stream")
        client.send(post(f"{OPENAI}/v1/chat/completions", {**asked, "stream": True}, *lines)).reply()
        client.send(post(f"{OPENAI}/v1/chat/completions", asked)).reply()
        client.send(post(f"{OPENAI}/v1/completions", {"model": "llama", "prompt": "one two"})).reply()
        # Neither what is refused nor what a fault makes an error is counted.
        client.send(post(f"{OPENAI}/v1/chat/completions", {"model": "llama"})).reply()
        client.send(post(f"{OPENAI}/v1/chat/completions", asked, "X-Sim-Fault: status;code=429")).reply()
    now = metrics(server)
    assert now[sample("prompt_tokens_total")] == 3 + 3 + 2
    assert now[sample("generation_tokens_total")] == 5 + 5 + 16
    assert now[sample("request_success_total", finished_reason="length")] == 2
    assert now[sample("request_success_total", finished_reason="stop")] == 1
    assert now[sample("e2e_request_latency_seconds_count")] == 3
    assert now[sample("time_to_first_token_seconds_count")] == 1
    # The times are those that the journal has, whatever the machine made of the plan.
    times = server.control.request("stream")["events"]["actual"]
    assert now[sample("time_to_first_token_seconds_sum")] == pytest.approx(times[0], abs=1e-6)
    assert times[0] >= 0.030
    assert now[sample("inter_token_latency_seconds_count")] == 4
    assert now[sample("time_per_output_token_seconds_count")] == 4
    assert now[sample("inter_token_latency_seconds_sum")] == pytest.approx(times[4] - times[0], abs=1e-6)
    assert now[sample("num_requests_running")] == 0
    assert metrics(server, "openai") == now  # to look changes nothing


def test_each_alias_has_its_own(server: VisibleServer) -> None:
    asked = {"model": "claude-mine", "messages": MESSAGES, "max_tokens": 4, "ignore_eos": True, "stream": True}
    assert ask(server, f"{PROXY}/anthropic/v1/messages", asked).status == 200
    now = metrics(server, "anthropic")
    assert now[sample("generation_tokens_total", "claude-mine")] == 4
    assert now[sample("time_to_first_token_seconds_count", "claude-mine")] == 1
    assert now[sample("inter_token_latency_seconds_count", "claude-mine")] == 3
    assert sum(count for name, count in metrics(server).items() if "generation_tokens_total" in name) == 0


def test_metrics_of_what_runs_and_waits(server: VisibleServer) -> None:
    server.control.configure(max_num_seqs=1)
    asked = {"model": "qwen", "messages": MESSAGES, "max_tokens": 5, "ignore_eos": True, "stream": True}
    with Client(server.port) as running, Client(server.port) as waiting:
        running.send(post(f"{OPENAI}/v1/chat/completions", asked, "X-Sim-Gate: door"))
        server.wait_until(lambda simulator: simulator.responder.queues.lengths().get("openai") == (1, 0))
        waiting.send(post(f"{OPENAI}/v1/chat/completions", asked, "X-Sim-Itl: 0"))
        server.wait_until(lambda simulator: simulator.responder.queues.lengths().get("openai") == (1, 1))
        server.control.release("door", 2)
        now = metrics(server)
        assert now[sample("num_requests_running", "qwen")] == 1
        assert now[sample("num_requests_waiting")] == 1
        assert now[sample("kv_cache_usage_perc", "qwen")] == 1
        # Two tokens have left; who leaves then has had two.
        assert now[sample("generation_tokens_total", "qwen")] == 2
        running.close()
        waiting.reply()
    now = metrics(server)
    assert now[sample("generation_tokens_total", "qwen")] == 2 + 5
    assert now[sample("request_success_total", "qwen", finished_reason="abort")] == 1
    assert now[sample("request_success_total", "qwen", finished_reason="length")] == 1
    assert now[sample("num_requests_waiting")] == 0
    server.control.reset()
    assert metrics(server)[sample("generation_tokens_total", "qwen")] == 0


def test_names_of_models_are_bounded(server: VisibleServer) -> None:
    with Client(server.port) as client:
        for number in range(70):
            body = {"model": f"model-{number}", "prompt": "one", "max_tokens": 1}
            client.send(post(f"{OPENAI}/v1/completions", body, "X-Sim-Ttft: 0", "X-Sim-Itl: 0")).reply()
    names = {name for name in metrics(server) if name.startswith("vllm:prompt_tokens_total")}
    assert len(names) <= 64 + 1 + 2
    assert metrics(server)[sample("prompt_tokens_total", "other")] == 6
