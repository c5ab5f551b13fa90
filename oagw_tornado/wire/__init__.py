"""HTTP/1.1 on sockets: bytes in, bytes out, on either engine. Imports the folders from `units` to `evidence`."""
