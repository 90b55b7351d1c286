"""What goes onto a board, compiled for MicroPython: the linker and the list of files."""
