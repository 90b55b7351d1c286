"""What boards are brought up to date with, over the air (docs/over-the-air.md)."""
