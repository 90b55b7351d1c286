"""How readings lie in MongoDB: written, packed, sealed, reduced."""
