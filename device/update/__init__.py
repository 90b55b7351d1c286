"""Over the air: what is meant for this board is fetched, checked, tried, and told (docs/over-the-air.md)."""
