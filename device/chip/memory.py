"""Python and the network share a chip's memory. Python keeps a piece that it took while anything lies in it.

When Python's first piece is full (56 KB on an ESP32) MicroPython takes a second one as large, or all there is
(py/gc.c, gc_try_add_heap). With Wi-Fi and TLS up that left the network 2 KB: connections were cut, and no
handshake found room. So Python takes a smaller piece, once, while the stack of a thread holds back the rest.
Garbage is collected often: left until a piece is full, it stands in the way of a long block, and Python takes
a third piece, all that the network has.
"""

import gc
import time

from .compat import const

_PIECE = const(42 * 1024)  # what Vigie needs beyond the first piece, loading and a message included
_PLENTY = const(256 * 1024)  # so much in one block is PSRAM: there is room for both
_EAGER = const(8 * 1024)  # bytes allocated from one collection to the next
_STEP = const(256)
_IDLE_MS = const(30)  # below two ticks of its system, 20 ms, MicroPython does not rest but spins
_PATIENCE = const(100)  # such rests
_MOST = const(256)  # steps: no chip's first piece is larger


def share():
    """Let Python take its second piece now.

    What it returns lies in that piece and must be kept: an empty one would be given back. None on what is no
    ESP32, and where there is room for both.
    """
    try:
        import _thread

        largest = _largest()
    except (ImportError, AttributeError):
        return None
    held = largest - _PIECE
    if not 0 < held < _PLENTY:
        return None
    gc.threshold(_EAGER)
    gate = _thread.allocate_lock()
    gate.acquire()
    _thread.stack_size(held)
    try:
        _thread.start_new_thread(gate.acquire, ())
    except OSError:
        return None  # no such block is free: Python takes its pieces as it would without us
    finally:
        _thread.stack_size(0)
    left = _largest()
    filling = []
    try:
        while _largest() >= left and len(filling) < _MOST:
            filling.append(bytearray(_STEP))
    except MemoryError:
        pass
    kept = filling[-1]  # the only one that lies in the second piece
    filling = None
    gc.collect()
    gate.release()
    for _ in range(_PATIENCE):  # the system takes the stack back when it is idle, and Wi-Fi needs it next
        if _largest() > left:
            break
        time.sleep_ms(_IDLE_MS)
    return kept


def _largest():
    """The largest free block of the system, in bytes."""
    import esp32

    return max(region[2] for region in esp32.idf_heap_info(esp32.HEAP_DATA))
