import gc
import sys
import time

from device.chip import memory

KB = 1024


class Chip:
    """Stands for `esp32`, `_thread` and `gc`: `free` bytes in one block; Python takes 56 KB of it, or all."""

    HEAP_DATA = 4

    def __init__(self, free, room=True):
        self.free = free
        self.room = room
        self.calls = self.rests = 0
        self.stack = self.held = 0
        self.closed = False
        self.eager = None

    def threshold(self, amount):
        self.eager = amount

    def collect(self):
        gc.collect()

    def idf_heap_info(self, capabilities):
        self.calls += 1
        if self.held and self.calls == 20:
            self.taken = min(self.free - self.held, 56 * KB)
            self.free -= self.taken
        return [(300, 4, 0, 4), (self.free, self.free - self.held, self.free - self.held, 0)]

    def allocate_lock(self):
        return self

    def acquire(self):
        self.closed = True

    def release(self):
        self.closed = False

    def sleep_ms(self, ms):
        """The idle task takes the stack back; it never runs in a pause of less than two ticks of 10 ms."""
        self.rests += 1
        if ms >= 20 and not self.closed and self.rests == 3:
            self.held = 0

    def stack_size(self, size):
        self.stack = size

    def start_new_thread(self, function, arguments):
        assert self.closed and arguments == ()
        if not self.room:
            raise OSError("can't create thread")
        self.held = self.stack


def share(chip):
    """memory.share() on `chip`, or on no ESP32 at all."""
    names = ("esp32", "_thread")
    before = {name: sys.modules[name] for name in names if name in sys.modules}
    try:
        for name in names:
            sys.modules[name] = chip
        memory.gc = memory.time = chip
        return memory.share()
    finally:
        memory.gc = gc
        memory.time = time
        for name in names:
            sys.modules.pop(name)
        sys.modules.update(before)


def test_python_takes_a_piece_that_leaves_the_network_its_room():
    chip = Chip(110 * KB)
    kept = share(chip)
    assert len(kept) == 256, "what lies in the new piece, which would be given back if it were empty"
    assert chip.taken == 42 * KB
    assert chip.rests == 3, "as soon as it is back, not later"
    assert chip.held == 0 and chip.free == 68 * KB, "the stack is back before anything else asks for room"
    assert chip.stack == 0, "other threads get the stack they always got"
    assert chip.eager == 8 * KB, "garbage that piles up makes Python take a third piece, the network's"


def test_with_plenty_or_next_to_nothing_there_is_nothing_to_share():
    for free in (4000 * KB, 20 * KB):
        chip = Chip(free)
        assert share(chip) is None
        assert not chip.held and chip.eager is None


def test_where_the_block_is_not_to_be_had_python_takes_what_it_takes():
    chip = Chip(110 * KB, room=False)
    assert share(chip) is None
    assert chip.stack == 0
    assert chip.eager == 8 * KB


def test_what_is_no_esp32_is_left_alone():
    assert share(object()) is None
