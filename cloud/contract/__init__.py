"""What boards and cloud say to each other: the messages, their keys and their MACs."""
