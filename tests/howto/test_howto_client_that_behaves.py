"""Have the client's conduct judged

Your client retries: it should wait as long as it is told to, give up what cannot work, and wait longer each time.
Rather than count requests in every test, let the simulator judge what came: it knows each reply that it gave, and what
it had asked for. [Conduct](../conduct.md) has the rules.
"""

import openai
import pytest

QUESTION = [{"role": "user", "content": "hello"}]


@pytest.fixture
def client(oagw):
    with openai.OpenAI(base_url=oagw.openai_base_url, api_key=oagw.token, max_retries=3) as client:
        yield client


@pytest.mark.parametrize(
    "trouble",
    ["status;code=429;retry-after=200ms", "status;code=503;retry-after=100ms", "status;code=500", "reset", "empty"],
)
def test_client_behaves_in_trouble(oagw, client, trouble):
    oagw.add_rule(match={"path": "/v1/chat/completions"}, when={"first": 2}, fault=trouble)

    client.chat.completions.create(model="gpt-4", messages=QUESTION)

    oagw.assert_requested(path="/v1/chat/completions", count=3)
    oagw.assert_conduct()


def test_client_gives_up_what_cannot_work(oagw, client):
    oagw.add_rule(match={"path": "/v1/chat/completions"}, fault="status;error=context_length_exceeded")

    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="gpt-4", messages=QUESTION)

    oagw.assert_requested(path="/v1/chat/completions", count=1)
    oagw.assert_conduct()
