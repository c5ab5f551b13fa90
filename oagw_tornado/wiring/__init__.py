"""The objects made from a configuration, at start and on reload, and whether they fit together. May import
all folders above it in docs/architecture.md."""
