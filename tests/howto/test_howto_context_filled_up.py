"""The context is full

A context fills up in two ways. If the prompt alone is too long, the request fails, and the client has to shorten it, as
a retry would fail again. If the answer no longer fits, it ends in mid-sentence, with a finish reason that is easily
overlooked.
"""

import openai

from oagw_tornado.testing import Error


def ask(client, messages):
    """The code under test: it forgets the oldest message if there are too many, and asks to go on if cut short."""
    answer = ""
    while True:
        try:
            choice = client.chat.completions.create(model="gpt-4", messages=messages).choices[0]
        except openai.BadRequestError as error:
            if error.code != "context_length_exceeded":
                raise
            messages = messages[1:]
            continue
        answer += choice.message.content
        if choice.finish_reason != "length":
            return answer
        messages = [*messages, {"role": "assistant", "content": answer}, {"role": "user", "content": "Go on."}]


def test_prompt_is_shortened_and_answer_completed(oagw, oagw_openai_url):
    oagw.reply(Error(code="context_length_exceeded"), match={"json": {"length(messages)": 3}, "turn": 2})
    oagw.reply([{"text": "Once upon"}, {"finish": "length"}], match={"last-message": "*story*"})
    oagw.reply(" a time.", match={"last-message": "Go on."})
    talk = [
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "Hi. What can I do for you?"},
        {"role": "user", "content": "Tell me a story."},
    ]

    with openai.OpenAI(base_url=oagw_openai_url, api_key=oagw.token, max_retries=0) as client:
        assert ask(client, talk) == "Once upon a time."

    assert [request.status for request in oagw.requests()] == [200, 200, 400]  # the newest first
