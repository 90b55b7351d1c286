"""Training: from the history of a board to a bundle of thresholds and forests that it can check."""
