"""Updates over the air: brings settings and models to boards (docs/over-the-air.md)."""
