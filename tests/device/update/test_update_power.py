"""Power is cut at every byte of an update, on LittleFS: a board starts with the old or the new, always."""

import os
import sys

from device.config import config
from device.update import notes
from device.update.notes import Notes
from device.update.trial import begin
from tests.device.outbox.test_power import BLOCK, ERASED, Chip, mounted, unmounted
from tests.device.scratch import read
from tests.device.test_node import KEY
from tests.device.update.over_the_air import House, Reset, model
from tests.device.update.test_app import ID, NEW, OLD, TWELVE
from tests.device.update.test_app import furnished as slots
from tests.device.update.test_pull import configured, settings

FLASH = "/chip"
CHOICE = __file__.rsplit("/", 4)[0] + "/device/chip/choice.py"
CHANGE = {"period_ms": 20000, "wifi": {"password": "another"}}
ONE, OTHER = model(1), model(2)


class Story:
    """An update from its first word to its end, as many starts as that takes."""

    def __init__(self, acknowledged, **want):
        self.acknowledged = acknowledged
        self.want = want

    def start(self):
        """One start of the board: its settings must be sound, and its model."""
        trial = begin()
        if trial:
            why = trial.starts()
            if why:
                trial.back(why)
                trial = None
        self.settings = config.load(FLASH + "/config.json")
        house = House(FLASH, number=self.settings["number"])
        model, problem = active()
        assert not problem, problem
        if model:
            model.forest.file.close()
            house.outbox.model = model.id
        self.model = model and model.id.hex()
        house.node.trial = trial
        house.network.wholes = {"0000000c": settings(12, CHANGE), ONE[0]: ONE[1], OTHER[0]: OTHER[1]}
        return house

    def live(self, most):
        """Until nothing is left to do, in at most `most` starts."""
        for _ in range(most):
            house = self.start()
            try:
                if self.is_due(house):
                    house.mean(**self.want)
                for _ in range(5):
                    house.run(20)
                    if house.node.trial and not self.acknowledged:
                        house.network.busy_ms = 1800000  # half an hour in one turn
                    if self.acknowledged:
                        house.ack((0, house.outbox.newest()))
                    if not house.node.update and not house.node.trial:
                        break
                house.outbox._close()
                if house.node.update is None and house.node.trial is None:
                    return True
            except Reset:
                house.outbox._close()
            finally:
                if house.node.judge.model:
                    house.node.judge.model.forest.file.close()
        raise AssertionError("it does not come to an end")

    def is_due(self, house):
        """What the cloud goes by: the board's state."""
        if "config" in self.want:
            return house.node.number != self.want["config"]
        return (house.outbox.model or b"").hex() != self.want["model"]


class ReleaseStory(Story):
    """The same for a release: choice.py, as it is, chooses the slot at each start."""

    def start(self):
        source = read(CHOICE).decode().replace('"/', '"%s/' % FLASH).replace("import machine\n", "")
        choice = {"print": lambda *_: None}
        exec(source, choice)
        self.slot, _ = choice["sound"](choice["choose"]())
        assert not choice["damaged"](self.slot), "what runs is whole"
        house = Story.start(self)
        house.network.wholes[ID] = TWELVE
        sys.path[0] = "%s/app/%s" % (FLASH, self.slot)
        house.node.clock.set(850000000)
        return house

    def live(self, most):
        before = sys.path[0]
        sys.path.insert(0, before)
        try:
            return Story.live(self, most)
        finally:
            sys.path.pop(0)

    def is_due(self, house):
        return notes.release() != 12 and not Notes().tried("app", ID, self.want["n"])


def active():
    """load_active() of this flash."""
    try:
        with open(FLASH + "/model/active") as file:
            slot = file.read(8)
    except OSError:
        return None, None
    assert slot in ("a", "b"), slot
    from device.model.bundle import load

    return load(FLASH + "/model/%s.bin" % slot, KEY)


def flash_of(prepare):
    """The bytes of a flash that `prepare` has furnished."""
    import vfs

    chip = Chip(bytearray(ERASED * 64))
    vfs.VfsLfs2.mkfs(chip)
    mounted(chip)
    try:
        prepare(chip)
    finally:
        unmounted()
    return bytes(chip.memory)


class Diary(Chip):
    """A flash that notes what is written, in order: (place, bytes), an erase as one byte of its block."""

    def __init__(self, memory):
        Chip.__init__(self, memory)
        self.notes = []

    def writeblocks(self, block, buffer, offset=0):
        self.notes.append((block * BLOCK + offset, bytes(buffer)))
        return Chip.writeblocks(self, block, buffer, offset)

    def ioctl(self, request, argument):
        if request == 6:
            self.notes.append((argument * BLOCK, None))
        return Chip.ioctl(self, request, argument)


def cuts(image, notes, step):
    """(bytes written, the flash) at every `step`th byte, and at the end. The flash is one, and changes."""
    flash = bytearray(image)
    at = 0
    for place, data in notes:
        for i in range(1 if data is None else len(data)):
            if at % step == 0:
                yield at, flash
            if data is None:
                memoryview(flash)[place : place + BLOCK] = ERASED
            else:
                flash[place + i] = data[i]
            at += 1
    yield at, flash


def cut_everywhere(prepare, acknowledged, step, story_of=Story, **want):
    """At every `step`th byte: (offset, the story after the start that followed)."""
    image = flash_of(prepare)
    whole = Diary(bytearray(image))
    mounted(whole)
    try:
        assert story_of(acknowledged, **want).live(6)
    finally:
        unmounted()
    print("%d bytes written, %d blocks erased" % (whole.written, whole.erases))
    for at, flash in cuts(image, whole.notes, step):
        chip = Chip(bytearray(flash))
        mounted(chip)
        try:
            story = story_of(acknowledged, **want)
            assert story.live(8), "it comes to its end after a cut at %d" % at
            yield at, story
        finally:
            unmounted()


def furnished(chip):
    configured(FLASH)
    story = Story(True, n=3, model=ONE[0])
    assert story.live(3)


def with_slots(chip):
    furnished(chip)
    slots(FLASH)


def steps(quick):
    return 1 if os.getenv("VIGIE_FULL") else quick


def test_settings_are_old_or_new_after_a_cut_anywhere_and_new_in_the_end():
    if sys.implementation.name != "micropython":
        return
    count = 0
    for at, story in cut_everywhere(furnished, True, steps(53), n=12, config=12):
        count += 1
        made = config.load(FLASH + "/config.json")
        assert made["period_ms"] == 20000 and made["wifi"]["password"] == "another", at
        assert begin() is None and Notes().results["config"][:2] == ["0000000c", ""], at
    assert count > 20
    print("settings: power was cut at %d places of %d bytes" % (count, at))


def test_settings_that_nobody_acknowledges_are_taken_back_after_a_cut_anywhere():
    if sys.implementation.name != "micropython":
        return
    count = 0
    for at, story in cut_everywhere(furnished, False, steps(151), n=12, config=12):
        count += 1
        made = config.load(FLASH + "/config.json")
        assert made["period_ms"] == 10000 and made["wifi"]["password"] == "secret", at
        assert begin() is None and Notes().results["config"][1], (at, Notes().results)
    assert count > 10
    print("settings taken back: power was cut at %d places of %d bytes" % (count, at))


def test_a_model_is_old_or_new_after_a_cut_anywhere_and_new_in_the_end():
    if sys.implementation.name != "micropython":
        return
    count = 0
    for at, story in cut_everywhere(furnished, True, steps(53), n=12, model=OTHER[0]):
        count += 1
        model, problem = active()
        assert not problem and model.id.hex() == OTHER[0], (at, problem)
        model.forest.file.close()
    assert count > 20
    print("a model: power was cut at %d places of %d bytes" % (count, at))


def test_a_release_is_old_or_new_after_a_cut_anywhere_and_new_in_the_end():
    if sys.implementation.name != "micropython":
        return
    count = 0
    for at, story in cut_everywhere(with_slots, True, steps(211), ReleaseStory, app=12, n=12):
        count += 1
        assert read(FLASH + "/app/active") == b"b" and story.slot == "b", at
        assert all(read(FLASH + "/app/b/" + path) == data for path, data in NEW), at
        assert Notes().results["app"][:2] == [ID, ""] and Notes().app == 12 and begin() is None, at
    assert count > 20
    print("a release: power was cut at %d places of %d bytes" % (count, at))


def test_a_release_that_nobody_acknowledges_is_taken_back_after_a_cut_anywhere():
    if sys.implementation.name != "micropython":
        return
    count = 0
    for at, story in cut_everywhere(with_slots, False, steps(331), ReleaseStory, app=12, n=12):
        count += 1
        assert read(FLASH + "/app/active") == b"a" and story.slot == "a", at
        assert all(read(FLASH + "/app/a/" + path) == data for path, data in OLD), at
        assert Notes().results["app"][1] and Notes().app == 0, (at, Notes().results)
    assert count > 10
    print("a release taken back: power was cut at %d places of %d bytes" % (count, at))


class Sick(Chip):
    """A flash that refuses `most` writes after `well` bytes, and is well again."""

    def __init__(self, memory, well, most):
        Chip.__init__(self, memory)
        self.well = well
        self.most = most
        self.refused = 0

    def writeblocks(self, block, buffer, offset=0):
        if self.written >= self.well and self.refused < self.most:
            self.refused += 1
            return -5
        return Chip.writeblocks(self, block, buffer, offset)


def refused_everywhere(prepare, what, step, story_of=Story, **want):
    """Flash refuses at every `step`th byte of an update, and once more is meant what it gave up."""
    image = flash_of(prepare)
    given_up = at = 0
    while True:
        chip = Sick(bytearray(image), at, 1 + at % 4)
        mounted(chip)
        try:
            story = story_of(True, **want)
            story.live(8)
            if not chip.refused:
                assert given_up
                print("%s: flash refused at %d places, given up at %d" % (what, at // step, given_up))
                return
            chosen = want[what] if what == "model" else "%08x" % want[what]
            for _ in range(3):
                name, text, n, again = Notes().results.get(what, ("", "", 0, False))
                if name == chosen and text:
                    given_up += 1
                    assert "cannot be kept now" in text and again, (at, text)
                    assert n < want["n"] or Notes().tried(what, chosen, want["n"]), (
                        "not again by the same word"
                    )
                    story.want["n"] = want["n"] + 1
                if name != chosen or text:  # the cloud says it again, as long as `state` does not say more
                    assert story.live(8), at
            in_use = what == "model" and read(FLASH + "/model/active") == b"b"  # it is told by `state` anyway
            assert in_use or Notes().results[what][:2] == [chosen, ""], (at, Notes().results)
        finally:
            unmounted()
        at += step


def test_what_flash_refused_once_is_tried_again_when_it_is_meant_once_more():
    if sys.implementation.name != "micropython":
        return
    refused_everywhere(furnished, "config", steps(307), n=12, config=12)
    refused_everywhere(furnished, "model", steps(307), n=12, model=OTHER[0])
    refused_everywhere(with_slots, "app", steps(701), ReleaseStory, app=12, n=12)
