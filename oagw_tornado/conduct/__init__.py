"""Did the client, or the gateway, behave? Judged from the journal: one file a rule, each a pure function of entries.

Imports the folders from `units` to `evidence`.
"""
