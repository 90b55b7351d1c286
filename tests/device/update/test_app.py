"""A release comes over the air into the slot that does not run, and is on trial from the next start on."""

import json
import os
import sys

from device import starts
from device.update import notes
from device.update.trial import ReleaseTrial, begin
from tests.device import scratch
from tests.device.update.over_the_air import House, part
from tests.device.update.signing import MODULUS, listed, release

if not hasattr(os, "ilistdir"):  # CPython
    os.ilistdir = lambda path: [
        (each.name, 0x4000 if each.is_dir() else 0x8000) for each in sorted(os.scandir(path), key=str)
    ]
OLD = [("device/app.mpy", bytes(range(256)) * 5), ("device/same.mpy", b"same" * 275), ("safe.mpy", b"old")]
NEW = [
    ("device/app.mpy", bytes(range(255, -1, -1)) * 7),
    OLD[1],
    ("device/new.mpy", b"n"),
    ("safe.mpy", b"s" * 9),
]
FITS = {"mpy": getattr(sys.implementation, "_mpy", 0) & 0xFF}
TWELVE = release(12, NEW, **FITS)
ID = "%08x" % 12


class Board(House):
    """A House whose slot `slot` runs."""

    def __init__(self, folder, slot="a", **changes):
        House.__init__(self, folder, **changes)
        sys.path.insert(0, "%s/app/%s" % (folder, slot))
        self.node.clock.set(850000000)
        self.network.wholes[ID] = TWELVE

    def __enter__(self):
        return self

    def __exit__(self, *_):
        sys.path.pop(0)


def furnished(folder):
    starts.root = folder
    scratch.write(folder + "/release.key", MODULUS)
    for path in ("/app", "/app/a", "/app/a/device"):
        os.mkdir(folder + path)
    for path, data in OLD:
        scratch.write(folder + "/app/a/" + path, data)
    scratch.write(folder + "/app/a/sha256.txt", listed(OLD))
    scratch.write(folder + "/app/active", b"a")


def holds(folder, files, slot="b"):
    """Whether the slot holds `files` and nothing else."""
    place = folder + "/app/%s/" % slot
    there = sorted(["device/" + name for name in os.listdir(place + "device")] + os.listdir(place))
    wanted = sorted([path for path, _ in files] + ["device", "number", "sha256.txt"])
    return there == wanted and all(scratch.read(place + path) == data for path, data in files)


def active(folder):
    return scratch.read(folder + "/app/active").decode()


def noted():
    return notes.Notes().results.get("app", [])[:2] or None


def test_a_release_is_fetched_checked_and_started_on_trial_and_what_is_the_same_is_not_fetched():
    with scratch.Folder() as folder:
        furnished(folder)
        with Board(folder) as house:
            house.mean(n=1, app=12)
            assert house.until_reset(100) and house.reasons == ["release 12"], noted()
            asked = [each[2] for each in house.network.asked]
            same = len(TWELVE) - sum(len(data) for _, data in NEW) + len(NEW[0][1])
            assert not [at for at in asked if same <= at < same + len(OLD[1][1])], asked
        assert active(folder) == "b trial %s 0" % ID and holds(folder, NEW)
        assert scratch.read(folder + "/app/b/sha256.txt") == listed(NEW)
        assert os.listdir(folder + "/update") == ["notes"] and noted() is None, "it is not kept yet"
        assert not [name for name in os.listdir(folder) if name == "boot"] or not os.listdir(folder + "/boot")


def test_it_is_kept_once_a_reading_was_acknowledged_that_it_took():
    with scratch.Folder() as folder:
        furnished(folder)
        with Board(folder) as house:
            house.run(100)
            house.mean(n=1, app=12)
            assert house.until_reset(100)
        with Board(folder, "b") as house:
            trial = house.node.trial = begin()
            assert trial.release and trial.starts() is None and notes.release() == 12
            house.run(100)
            house.ack((0, house.outbox.boot_first - 1))
            assert house.node.trial is trial, "a reading from before says nothing about the new application"
            house.ack((house.outbox.boot_first, house.outbox.newest()))
            assert house.node.trial is None and active(folder) == "b" and begin() is None
            assert noted() == [ID, ""] and notes.Notes().app == 12
            house.mean(n=2, app=12)
            assert house.node.update is None


def test_without_an_acknowledgement_the_one_before_comes_back_after_half_an_hour_and_says_why():
    with scratch.Folder() as folder:
        furnished(folder)
        with Board(folder) as house:
            house.mean(n=1, app=12)
            assert house.until_reset(100)
        with Board(folder, "b") as house:
            house.network.up = False
            house.network.last_error = lambda: "wifi: no network of that name"
            house.node.trial = begin()
            assert not house.until_reset(1700) and house.until_reset(200)
            assert house.reasons == ["release 12 taken back"]
        assert active(folder).startswith("a back %s no reading was acknowledged in 30 minutes: wifi: no" % ID)
        with Board(folder) as house:
            assert begin() is None and active(folder) == "a"
            assert noted()[0] == ID and "no network" in noted()[1] and notes.Notes().app == 0
            assert "sha256.txt" not in os.listdir(folder + "/app/b"), "nothing chooses that slot again"
            assert notes.Notes().results["app"][3], "nobody knows that the release is at fault"
            house.mean(n=1, app=12)
            assert house.node.update is None, "it is not tried again"
            house.mean(n=2, app=12)
            assert house.until_reset(100), "but by a newer word"
            assert active(folder) == "b trial %s 0" % ID and not house.network.asked[1:], house.network.asked


def test_a_release_that_was_damaged_on_flash_comes_anew_as_a_whole_when_it_is_asked_for_once_more():
    with scratch.Folder() as folder:
        furnished(folder)
        with Board(folder) as house:
            house.mean(n=1, app=12)
            assert house.until_reset(100)
        scratch.write(folder + "/app/b/device/app.mpy", b"not what was signed")
        why = "damaged: /app/b/device/app.mpy"
        scratch.write(
            folder + "/app/active", b"a back %s %s" % (ID.encode(), why.encode())
        )  # as choice.py does
        with Board(folder) as house:
            assert begin() is None and noted() == [ID, why] and not notes.Notes().results["app"][3]
            house.mean(n=2, app=12)
            assert house.until_reset(100) and holds(folder, NEW)


def refused(folder, data, number=12, clock=850000000, **changes):
    """Why a board with the furnished flash does not take the release `data`."""
    if "app" not in os.listdir(folder):
        furnished(folder)
    with Board(folder, **changes) as house:
        house.node.clock.set(clock)
        house.network.wholes["%08x" % number] = data
        house.mean(n=notes.Notes().n + 1, app=number)
        assert not house.until_reset(100), "it was taken"
        assert active(folder) == "a" and noted()[0] == "%08x" % number, noted()
        assert all(scratch.read(folder + "/app/a/" + path) == content for path, content in OLD)
        assert not [name for name in os.listdir(folder + "/update") if name.startswith("app")]
        return noted()[1]


def test_what_is_forged_older_expired_mixed_truncated_or_for_another_chip_is_refused_and_nothing_changes():
    with scratch.Folder() as folder:
        furnished(folder)
        kept = notes.Notes()
        kept.app = 20
        kept.save()
        head = len(TWELVE) - sum(len(data) for _, data in NEW)
        other = release(30, NEW, **FITS)
        forged = bytearray(release(31, NEW, **FITS))
        forged[40] ^= 1
        mixed = release(32, OLD[:1] + NEW[1:], **FITS)
        mixed = mixed[: len(mixed) - sum(len(data) for _, data in NEW)]
        cases = (
            (12, TWELVE, "older than release 20"),
            (21, other, "this is release 30"),
            (31, bytes(forged), "not signed"),
            (33, release(33, NEW, signer=lambda head: bytes(384), **FITS), "not signed"),
            (34, release(34, NEW, expires=1000000000, **FITS), "expired"),
            (35, release(35, NEW, mpy=2 << 10 | 5), "another chip or firmware"),
            (36, release(36, NEW, firmware=[99, 0, 0], **FITS), "MicroPython 99.0.0"),
            (37, release(37, NEW, **FITS)[:-1], "shorter than what was signed"),
            (38, release(38, NEW, **FITS)[: head + 50], "shorter than what was signed"),
            (39, release(39, NEW, **FITS) + b"x", "longer than what was signed"),
            (40, b"VGS1" + bytes(2000), "no release"),
            (41, b"", "the cloud does not have it"),
            (42, release(42, NEW, **FITS)[:head] + bytes(len(TWELVE) - head), "or of another release"),
            (43, bytes(300000), "more than fits"),
        )  # fmt: skip
        for number, data, why in cases:
            refusal = refused(folder, data, number)
            assert why in refusal, (number, refusal)


def test_a_board_that_knows_no_owners_key_takes_nothing():
    with scratch.Folder() as folder:
        furnished(folder)
        os.remove(folder + "/release.key")
        assert "make provision" in refused(folder, TWELVE)


def test_an_owners_key_of_another_board_opens_nothing():
    with scratch.Folder() as folder:
        furnished(folder)
        scratch.write(folder + "/release.key", MODULUS[:-1] + b"\x07")
        assert "not signed" in refused(folder, TWELVE)


def test_it_goes_on_where_it_was_after_a_start_and_fetches_nothing_twice():
    with scratch.Folder() as folder:
        furnished(folder)
        asked = []
        for _ in range(60):
            with Board(folder) as house:
                house.mean(n=1, app=12)
                done = house.until_reset(4)
                asked += [each[2] for each in house.network.asked]
            if done:
                break
        assert done and holds(folder, NEW) and active(folder).startswith("b trial")
        assert asked == sorted(asked), asked


def test_a_head_of_which_power_left_nothing_or_a_few_bytes_is_fetched_anew():
    for left in (b"", TWELVE[:5], bytes(40)):
        with scratch.Folder() as folder:
            furnished(folder)
            os.mkdir(folder + "/update")
            scratch.write(folder + "/update/app-" + ID, left)
            with Board(folder) as house:
                house.mean(n=1, app=12)
                assert house.until_reset(100) and house.network.asked[0][2] == 0, (left, noted())


def test_what_the_slot_held_before_is_gone_and_readings_stay_on_the_grid_meanwhile():
    with scratch.Folder() as folder:
        furnished(folder)
        for path in ("/app/b", "/app/b/device"):
            os.mkdir(folder + path)
        for name in ("device/old.py", "device/app.mpy", "part", "number", "sha256.txt"):
            scratch.write(folder + "/app/b/" + name, b"7")
        with Board(folder, period_ms=200) as house:
            house.mean(n=1, app=12)
            assert house.until_reset(100), noted()
            assert "ticks missed" not in house.node.counts
        assert holds(folder, NEW)


def test_nothing_is_fetched_before_the_date_is_known_nor_while_something_is_on_trial():
    with scratch.Folder() as folder:
        furnished(folder)
        with Board(folder) as house:
            house.node.trial = ReleaseTrial("b", "0000000b")
            house.mean(n=1, app=12, config=5)
            assert house.node.update is None
        house = House(folder)
        house.mean(n=1, app=12)
        assert house.node.update is None


def test_parts_of_another_release_change_nothing():
    with scratch.Folder() as folder:
        furnished(folder)
        with Board(folder) as house:
            house.network.deaf = 1000
            house.mean(n=1, app=12)
            house.run(3)
            for each in (
                part("app", "0000000d", 0, TWELVE),
                part("app", ID, 2048, TWELVE),
                part("model", ID, 0, TWELVE),
            ):
                house.node.on_ack(each)
                house.run(1)
            assert house.node.counts["parts refused"] == 3 and "app-" + ID not in os.listdir(
                folder + "/update"
            )


def test_notes_from_before_there_were_releases_are_read():
    with scratch.Folder() as folder:
        House(folder)
        os.mkdir(folder + "/update")
        scratch.write(folder + "/update/notes", json.dumps({"n": 4, "told": {"model": ["1", ""]}}).encode())
        assert notes.Notes().n == 4 and notes.Notes().app == 0
