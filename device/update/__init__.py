"""Over the air: a board fetches what it should have, checks, tries and reports it (docs/over-the-air.md)."""
