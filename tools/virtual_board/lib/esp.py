"""Stand-in for the chip's `esp`."""


def flash_size():
    return 4 << 20
