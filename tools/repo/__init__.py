"""The repository itself: its environment, its pinned versions, its generated files."""
