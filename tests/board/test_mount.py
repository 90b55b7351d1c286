"""choice.py mounts the flash anew for Vigie, on real file systems."""

import json
import subprocess
from pathlib import Path

from tools.mpy.build import ROOT
from tools.virtual_board.virtual_board import find_micropython

DRIVER = Path(__file__).with_name("mount_driver.py")


def counted(kind):
    done = subprocess.run(
        [find_micropython(), "-X", "heapsize=2M", DRIVER, ROOT / "device" / "chip" / "choice.py", kind],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_after_the_choice_a_file_is_found_with_a_third_of_the_reads():
    reads = counted("VfsLfs2")
    assert reads["no chip"] == reads["without"]
    assert reads["with"] * 3 <= reads["without"], reads
    assert reads["same"] and reads["new"] == "kept"


def test_another_file_system_is_mounted_as_it_was():
    reads = counted("VfsFat")
    assert reads["with"] == reads["without"] and reads["same"] and reads["new"] == "kept"
