"""What a history says of the thresholds: one file for each kind of detector that learns."""
