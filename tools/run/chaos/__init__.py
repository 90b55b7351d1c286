"""`make chaos`: the real parts under faults; then every reading must be stored once, with its own date."""
