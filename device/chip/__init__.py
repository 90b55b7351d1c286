"""What touches the chip: pins, radio, clock, memory, console; and what makes its heap last."""
