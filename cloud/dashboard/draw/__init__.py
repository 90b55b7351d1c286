"""From readings to pictures: curves, charts, the small curve of a card."""
