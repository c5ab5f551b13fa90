"""Which terms hold for a request: knobs, rules, rate limits. Pure. Imports the folders from `units` to `faults`."""
