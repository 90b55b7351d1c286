"""Child processes, and what commands print."""
