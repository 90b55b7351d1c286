"""The settings that a board is given, checked."""
