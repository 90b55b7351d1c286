"""Ctrl-C on a virtual board comes between two bytecodes, as on a chip."""

import subprocess

from tools.virtual_board.virtual_board import find_micropython, runner

BUSY = """
import gc
things = [[i] for i in range(20000)]
print("busy")
try:
    while True:
        gc.collect()  # where the port itself raises KeyboardInterrupt too, and its heap stays locked
except KeyboardInterrupt:
    things.append(bytearray(100))
    print("free")
"""


def test_ctrl_c_in_the_middle_of_a_garbage_collection_leaves_a_heap_that_can_be_used():
    command, ctrl_c = runner(find_micropython())
    for _ in range(5):
        process = subprocess.Popen([*command, "-c", BUSY], stdout=subprocess.PIPE, text=True)
        assert process.stdout and process.stdout.readline() == "busy\n"
        process.send_signal(ctrl_c)
        assert process.communicate(timeout=20)[0] == "free\n"
        assert process.returncode == 0
