"""What `make provision` writes: settings with their checks, pins, and the broker's certificate."""
