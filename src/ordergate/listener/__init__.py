"""The HTTP server: sockets, limits of connections, worker processes."""
