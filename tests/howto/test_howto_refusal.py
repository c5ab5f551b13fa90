"""A refusal

The model declines to answer. A refusal is not an error: the status is 200, and the content is empty or, with Anthropic,
there is a special stop reason. Clients that read only the content show an empty message.
"""

from typing import Any

import openai
import pytest

from oagw_tornado.testing import Refusal


def answer_or_refusal(message):
    """The code under test."""
    return f"The model refuses: {message.refusal}" if message.refusal else message.content


@pytest.mark.parametrize("streamed", [False, True])
def test_refusal_is_shown(oagw, oagw_openai_url, streamed):
    oagw.reply(Refusal("I cannot help with that."), match={"last-message": "*lock*"})
    question: dict[str, Any] = {"model": "gpt-4", "messages": [{"role": "user", "content": "How do I open this lock?"}]}

    with openai.OpenAI(base_url=oagw_openai_url, api_key=oagw.token, max_retries=0) as client:
        if streamed:
            with client.chat.completions.stream(**question) as events:
                message = events.get_final_completion().choices[0].message
        else:
            message = client.chat.completions.create(**question).choices[0].message

    assert message.content is None
    assert answer_or_refusal(message) == "The model refuses: I cannot help with that."
