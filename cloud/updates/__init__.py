"""Updates over the air: brings settings, models and releases to boards (docs/over-the-air.md)."""
