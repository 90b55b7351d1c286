"""Stand-in for the chip's `esp32`: what a board may ask about itself."""


def idf_heap_info(capabilities):
    """(total, free, largest free block, least free ever) of one region, as with Wi-Fi up."""
    return [(180000, 80000, 40000, 30000)]


HEAP_DATA = 4
