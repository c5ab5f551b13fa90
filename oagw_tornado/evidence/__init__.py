"""What happened: exchanges, journal, timing, metrics, access log. Imports the folders from `units` to `config`."""
