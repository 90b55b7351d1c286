"""What MicroPython has and CPython lacks, so that the pure parts import on both."""

try:
    from micropython import const
except ImportError:

    def const(value):
        return value
