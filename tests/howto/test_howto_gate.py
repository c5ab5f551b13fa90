"""Step through a stream, without a clock

A test that sleeps is slow, and flaky on a busy machine. A gate holds each event until the test releases one, several or
all of them. "The user sees the first word before the second one arrives" then does not depend on timing.
"""

from oagw_tornado.reply.sse import EventDecoder


class Transcript:
    """The code under test: it shows words as they arrive."""

    def __init__(self):
        self.shown = []
        self._decoder = EventDecoder()

    def feed(self, data):
        self.shown += [event.data for event in self._decoder.feed(data)]


def test_each_word_is_shown_as_it_comes(oagw, oagw_client):
    oagw.add_rule(match={"alias": "stream-test"}, gate="steps")
    transcript = Transcript()

    with oagw_client.execute("stream-test", "GET", "/events") as response:
        pieces = response.iter_bytes()

        oagw.release("steps", events=1)
        transcript.feed(next(pieces))
        assert transcript.shown == ["First event"]

        oagw.release("steps", events=1)
        transcript.feed(next(pieces))
        assert transcript.shown == ["First event", "Second event"]

        oagw.release("steps", events="all")
        for piece in pieces:
            transcript.feed(piece)
        assert transcript.shown[2:] == ["Third event with\nmultiple lines", "Final event"]
