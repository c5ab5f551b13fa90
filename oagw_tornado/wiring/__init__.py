"""What a configuration makes, at start and when it is read again, and whether it fits together. May import
all folders above it in docs/architecture.md."""
