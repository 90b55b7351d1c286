"""Vigie's cloud companion: it checks what the boards decided, remembers, warns and shows."""
