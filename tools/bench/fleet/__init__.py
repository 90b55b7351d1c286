"""`make bench-fleet`: what a growing fleet costs, through TLS. flood.py: one board that sends all it can."""
