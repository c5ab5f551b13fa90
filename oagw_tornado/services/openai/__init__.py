"""The OpenAI API, as its official clients know it."""
