"""A borrowed module's folder, as an import looks at it."""

from device.chip.lazy import Shelf


class CtrlC:
    """A path at whose first look somebody presses Ctrl-C."""

    def __init__(self, path):
        self._path = path
        self._pressed = False

    def __eq__(self, other):
        if not self._pressed:
            self._pressed = True
            raise KeyboardInterrupt
        return self._path == other

    def __hash__(self):
        return hash(self._path)


def test_a_ctrl_c_while_an_import_looks_for_a_file_ends_the_import():
    shelf = Shelf()
    assert (
        shelf.stat(CtrlC("/lent.mpy"))[0] == 0x8000
    )  # what is raised here would be taken for "no such file"
    try:
        shelf.open("/lent.mpy", "rb")
        raise AssertionError("the Ctrl-C is lost")
    except KeyboardInterrupt:
        pass
    try:
        shelf.open("/nothing", "rb")
    except (OSError, TypeError):
        pass  # it counts once
