"""Names and dates from the network."""
