"""Runs of all of it: the demo, the smoke test, chaos, and the account of every reading."""
