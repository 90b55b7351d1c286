"""What free plans allow, and how much of it is used."""
