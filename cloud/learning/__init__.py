"""A board's next model: trained or taught, tried beside the running one, and only then meant for it."""
