"""What the end-to-end tests stand on: real clusters, real programs, real sockets."""
