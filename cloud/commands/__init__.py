"""What a person asks for once: audit, explain, backup, rekey, forget."""
