"""What a person can ask a board at its prompt."""
