"""`make bench-fleet`: what a growing fleet costs, through TLS."""
