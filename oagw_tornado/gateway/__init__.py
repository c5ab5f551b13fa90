"""Who replies to a request and on what terms, and how the reply is sent.

Imports the folders from `units` to `playback`.
"""
