"""What people open every day: which board needs them, what it measured, what was decided about it."""
