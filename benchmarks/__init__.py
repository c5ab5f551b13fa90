"""How fast, how punctual, how small: `pytest benchmarks --benchmark-only`, and the load behind docs/performance.md."""
