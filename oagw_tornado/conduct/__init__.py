"""Whether the client or gateway behaved, judged from the journal: one file per rule, each a pure function of entries.

Imports the folders from `units` to `evidence`.
"""
