"""The contract between boards and cloud: the messages, their keys and their MACs."""
