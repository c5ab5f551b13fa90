"""State that several processes share: one protocol, in memory or in Redis. Imports the folders from
`units` to `playback`."""
