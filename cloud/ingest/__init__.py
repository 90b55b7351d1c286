"""From a message of the broker to a stored, acknowledged reading."""
