"""A text whose words are one token each for the usual tokenizers, so that a client's own count agrees with ours.

Each word is one token, at the start of a text and after a space, and n of them are n tokens, in the
vocabularies of Llama 3, GPT-4 (cl100k_base), GPT-4o (o200k_base), Claude, Gemma 3, Qwen 3, DeepSeek V3 and Mistral
(v1 to v7, Tekken). All but the older ones of Mistral also have each word with its space, by itself, as one token: so
does a client count that looks at the chunks of a stream one by one.
"""

from __future__ import annotations

_TEXT = (
    "the people of this place have known for long that the water will come back and that there is no other way "
    "home so they work hard all day and when the light is good they go out to look for food and for new land "
    "where they can live well the old man who has seen many years said that time is like water and that a "
    "small change in the first part of the day may make the end of it very good or very bad but most people "
    "did not think about it much and went on with their work as if nothing had been said then one day the "
    "world did change and those who had read the old book found out what to do they put the house in order "
    "they had food for all who had none and they found that what they had was more than they could use in this "
    "way they could see that a good life is not about how much you have but about what you do with it and how "
    "you share it "
)

#: The words, in the order in which they are said; then they start again.
WORDS: tuple[str, ...] = tuple(_TEXT.split())
