"""The repository itself: its environment, its pins, its rubbish."""
