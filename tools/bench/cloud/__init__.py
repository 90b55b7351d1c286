"""`make bench-cloud`: what the cloud side carries: bytes a reading, readings a core-second, queries."""
