"""What several processes decide and know together: one protocol, in memory or in Redis. Imports the folders from
`units` to `playback`."""
