"""Commands that a person runs once: audit, explain, backup, rekey, forget."""
