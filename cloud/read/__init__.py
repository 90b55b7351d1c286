"""Stored readings for who asks: rows, spans, exports."""
