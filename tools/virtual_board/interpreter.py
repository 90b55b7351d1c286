"""The interpreter of PyPI's wheel, which is a library for Python, with a Ctrl-C like a chip's.

As it comes, it raises KeyboardInterrupt from within the handler of SIGINT, wherever it is: in the middle of
a garbage collection, which leaves the heap locked for good, or in a look at failing_flash.py, where an
import takes any exception for "no such file" and goes on, so that the Ctrl-C has no effect. A chip raises it
between two bytecodes; so does this interpreter for the signal CTRL_C.
"""

import ctypes
import signal
import sys
from importlib import import_module

CTRL_C = signal.SIGUSR1
LIBRARY = "micropython_run"


def main() -> None:
    library = import_module(LIBRARY)
    assert library.__file__
    wanted = ctypes.CDLL(library.__file__).mp_sched_keyboard_interrupt
    handle = ctypes.CDLL(None).signal
    handle.argtypes = [ctypes.c_int, ctypes.c_void_p]
    handle.restype = ctypes.c_void_p
    handle(CTRL_C, ctypes.cast(wanted, ctypes.c_void_p))
    library.run_main(sys.argv)


if __name__ == "__main__":
    main()
