"""Measurements of the product, one place for each `make bench-…`; `plant/`: rooms whose plant fails.

A measurement runs the product's own code on data that it makes or is given, prints rows for people, and ends
with a line of JSON. It changes nothing but its table in docs/.
"""
