"""What looks at the events of all boards: silence, episodes, what a board has learned."""
