"""Vigie on the board: read, judge, remember, publish."""

VERSION = "0.1.0"
