"""Many modules joined into one do what they did apart."""

import sys

import pytest

from tests.board.artefact.packages import loaded
from tools.mpy.join import join


@pytest.fixture(autouse=True)
def ours_afterwards():
    """Whatever a test imported as `device`, the next one finds ours."""

    def named_so():
        return {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "device"}

    ours = named_so()
    yield
    for name in named_so():
        del sys.modules[name]
    sys.modules.update(ours)


PACKAGE = {
    "device/__init__.py": "VERSION = 7\n",
    "device/compat.py": "const = int\n",
    "device/sizes.py": """\
from .compat import const

SIZE = const(60)
_MOST = const(4)


def most():
    return _MOST
""",
    "device/window.py": """\
import os
from .compat import const
from . import sizes
from .sizes import SIZE as LENGTH

_MOST = const(9)


class Window:
    SIZE = 3

    def __init__(self, most=_MOST):
        self.most = most + sizes.most()
        self.all = [LENGTH for LENGTH in range(2)] + [LENGTH]

    def own(self, sizes):
        return sizes, self.SIZE, sizes.__class__ is int and LENGTH
""",
    "device/app.py": """\
import os
from . import VERSION
from .borrow import take
from .window import Window

stopped = None


def main():
    global stopped
    from .sizes import SIZE

    stopped = Window(SIZE)
    return VERSION, os.sep, stopped.most, stopped.all, stopped.own(5), take()
""",
    "device/borrow.py": """\
def take():
    from .seldom import answer

    return answer()
""",
    "device/seldom.py": """\
from . import window
from .sizes import SIZE, most


def answer():
    return SIZE, most(), window.Window(1).most, window._MOST if hasattr(window, "_MOST") else 0
""",
}


@pytest.fixture
def joined():
    return join({k: v for k, v in PACKAGE.items()}, {"__init__", "compat", "seldom"}, {"main", "stopped"})


def test_the_joined_file_does_what_the_modules_did(joined, tmp_path, monkeypatch):
    expected = loaded(PACKAGE, tmp_path / "apart", monkeypatch).main()
    app = loaded(joined, tmp_path / "joined", monkeypatch)
    assert app.main()[:5] == expected[:5]
    assert app.main()[5][:3] == expected[5][:3]
    assert app.stopped.most == 64


def test_constants_need_no_name_and_imports_are_gone(joined):
    app = joined["device/app.py"]
    assert "_sizes_SIZE = const(60)" in app
    assert "from .sizes" not in app and app.count("import os") == 1
    assert "60" in joined["device/seldom.py"], "another file gets the number itself"


def test_a_name_stays_as_it_is_unless_another_module_has_it_too(joined):
    app = joined["device/app.py"]
    assert "\nclass Window:" in app and "def take():" in app
    assert "def sizes_most():" in app, "most is an argument of window's"
    assert "_sizes_MOST = const(4)" in app and "_window_MOST = const(9)" in app


def test_what_nobody_asks_for_takes_no_room():
    sources = PACKAGE | {
        "device/sizes.py": PACKAGE["device/sizes.py"] + 'WORDS = ("one", "two")\nMADE = most()\n',
        "device/seldom.py": "from .compat import const\nTWO = const(2)\ndef answer():\n    return TWO\n",
    }
    made = join(sources, {"__init__", "compat", "seldom"}, {"main", "stopped"})
    assert "WORDS" not in made["device/app.py"]
    assert "MADE = _sizes_most()" in made["device/app.py"], "a call may do something"
    assert "_TWO = const(2)" in made["device/seldom.py"] and "return _TWO" in made["device/seldom.py"]


def test_a_module_that_is_handed_on_as_an_object_is_refused_with_its_place():
    sources = PACKAGE | {"device/app.py": "from . import sizes\n\n\ndef main():\n    return [sizes]\n"}
    with pytest.raises(ValueError, match=r"app\.py:5: sizes is used as an object"):
        join(sources, {"__init__", "compat", "seldom"}, {"main"})


def test_a_module_that_imports_itself_by_way_of_others_is_refused():
    sources = PACKAGE | {"device/sizes.py": "from .window import Window\n"}
    with pytest.raises(ValueError, match="imports itself"):
        join(sources, {"__init__", "compat", "seldom"}, {"main"})


ROOMS = {
    "device/__init__.py": "VERSION = 7\n",
    "device/chip/__init__.py": '"""The chip."""\n',
    "device/chip/compat.py": "const = int\n",
    "device/chip/pins.py": "def low():\n    return 1\n",
    "device/sensors/__init__.py": "from .dht import NAME\n\n\ndef names():\n    return [NAME]\n",
    "device/sensors/dht.py": 'NAME = "dht"\n',
    "device/link/__init__.py": '"""The link."""\n',
    "device/link/link.py": """\
from ..chip.compat import const
from ..chip import pins
from ..chip.pins import (
    low,
)

_TWO = const(2)


def link():
    from .failure import answer

    return pins.low() + low(), _TWO, answer()
""",
    "device/link/failure.py": """\
from .. import VERSION, sensors
from ..chip.pins import low


def answer():
    return low(), VERSION, sensors.names()
""",
    "device/app.py": "from .link.link import link\n\n\ndef main():\n    return link()\n",
}
APART = {"__init__", "compat", "failure", "sensors", "dht"}


def test_modules_in_rooms_become_files_in_one_folder_and_do_what_they_did(tmp_path, monkeypatch):
    expected = loaded(ROOMS, tmp_path / "rooms", monkeypatch).main()
    made = join(ROOMS, APART, {"main"})
    assert set(made) == {f"device/{name}.py" for name in ("__init__", "app", "failure", "sensors", "dht")}
    assert loaded(made, tmp_path / "joined", monkeypatch).main() == expected == (2, 2, (1, 7, ["dht"]))


def test_two_modules_that_would_be_one_file_on_a_board_are_refused():
    sources = ROOMS | {"device/chip/failure.py": ""}
    with pytest.raises(ValueError, match="failure.py would be one file on a board"):
        join(sources, APART, {"main"})


def test_an_import_from_a_module_that_is_not_there_is_refused_with_its_place():
    sources = ROOMS | {"device/link/failure.py": "from ..chip.gone import answer\n"}
    with pytest.raises(ValueError, match=r"link/failure\.py:1: there is no device/chip/gone"):
        join(sources, APART, {"main"})
