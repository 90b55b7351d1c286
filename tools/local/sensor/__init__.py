"""What the virtual boards measure: simulated rooms, three cold rooms, or a recording."""
