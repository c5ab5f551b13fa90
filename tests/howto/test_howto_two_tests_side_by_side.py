"""Two tests side by side, on one server

"The first request fails, the second one succeeds" counts requests, and tests that run at the same time would disturb
each other's counts. `per` counts separately for each value of a header (or bearer token, or part of the body), so each
test only has to identify itself.
"""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import openai

from oagw_tornado.testing import Error


def test_each_has_a_first_request_of_its_own(oagw, oagw_openai_url):
    oagw.reply(Error(429, code="rate_limit_exceeded"), when={"first": 1, "per": "header:x-test-id"})
    oagw.reply("Here you are.")
    both_are_there = Barrier(2, timeout=30)

    def statuses(test_id):
        """What one test sees; the code under test would retry."""
        seen = []
        with openai.OpenAI(
            base_url=oagw_openai_url, api_key=oagw.token, max_retries=0, default_headers={"X-Test-Id": test_id}
        ) as client:
            for _ in range(2):
                both_are_there.wait()
                try:
                    client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "hi"}])
                    seen.append(200)
                except openai.RateLimitError as error:
                    seen.append(error.status_code)
        return seen

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(statuses, ["one", "other"])) == [[429, 200], [429, 200]]
