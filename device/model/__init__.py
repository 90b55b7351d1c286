"""A board's own model: the file it comes in, and its forest."""
