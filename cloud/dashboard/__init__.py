"""The dashboard: shows which board needs a person, what it measured, and how board and cloud judged it."""
