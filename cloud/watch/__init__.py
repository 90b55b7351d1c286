"""The watch: finds silence and episodes in the events of all boards."""
