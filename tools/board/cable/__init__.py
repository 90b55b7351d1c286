"""A board on a cable: its port, prompt, ROM loader and firmware, and what the terminal shows of it."""
