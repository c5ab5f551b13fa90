"""The process around the server: its log on stderr, idle work, reloads, supervision. Imports no other folder."""
