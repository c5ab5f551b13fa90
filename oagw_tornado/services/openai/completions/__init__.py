"""The dialect of OpenAI's completions, as they were before there were chats."""
