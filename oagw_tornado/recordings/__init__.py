"""The files of recorded traffic: their format, and by what a request is known. Pure. Imports `units` to `config`."""
