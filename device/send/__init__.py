"""What a board says to the cloud, in which order, and what it is answered."""
