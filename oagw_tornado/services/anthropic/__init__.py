"""The Anthropic API, as its official clients know it."""
