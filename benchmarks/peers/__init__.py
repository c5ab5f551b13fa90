"""The same stream and the same small reply, written the obvious way on what else there is."""
