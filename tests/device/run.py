"""Run test functions under MicroPython: `micropython tests/device/run.py sleep/test_sleep …`, a line a test.

The same files run under pytest on CPython; they use bare asserts and nothing that MicroPython lacks.
Exit status 1 when a test failed or when there was none.
"""

import sys

try:
    import gc
    import time

    ticks_ms, ticks_diff = time.ticks_ms, time.ticks_diff
except AttributeError:
    raise SystemExit("run this with the micropython command; pytest runs the same files on CPython")


def main(names, but=()):
    """Run the tests of the modules `names`, all but those in `but`; 0 when each of them passed."""
    ran = failed = 0
    for name in names:
        name = "tests.device." + name.replace("/", ".")
        __import__(name)
        module = sys.modules[name]
        for test in sorted(dir(module)):
            if not test.startswith("test_") or test in but:
                continue
            ran += 1
            start = ticks_ms()
            try:
                getattr(module, test)()
            except Exception as error:
                failed += 1
                print("FAIL", name + "." + test)
                sys.print_exception(error)
            else:
                print("ok  ", name + "." + test, "%d ms" % ticks_diff(ticks_ms(), start))
            gc.collect()
    print("%d passed, %d failed" % (ran - failed, failed))
    return 0 if ran and not failed else 1


if __name__ == "__main__":
    here = sys.argv[0].rsplit("/", 1)[0]
    sys.path.insert(0, here + "/../..")
    sys.exit(main(sys.argv[1:]))
