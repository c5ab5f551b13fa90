"""The files of recorded traffic: their format, and what identifies a request. Pure. Imports `units` to `config`."""
