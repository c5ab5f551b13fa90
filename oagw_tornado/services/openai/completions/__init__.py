"""The dialect of OpenAI's legacy completions."""
