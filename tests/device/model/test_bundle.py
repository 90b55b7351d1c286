"""A board takes its own sound model and refuses everything else with a reason and without a crash."""

import gc
import hashlib
import io
import struct
import sys

from device.auth import hmac_sha256
from device.codes import FEATURES
from device.model import bundle as model
from device.model import load  # noqa: F401  it stays: a chip has it compiled, and compiling it here takes room

KEY = bytes(range(32))
# One tree: t <= 2000 gives 1024; else h <= 4000 gives 2048, and more gives 3072. The first node is turned, so
# that its node comes before its leaf. The table begins after the 16 places of the reading.
TABLE = (21, 0, 1024, 2048, 3072, 8 | 16 | 17 << 6, 65534 - 34768, 1 | 19 << 6, 36768)


def frst(table=TABLE, trees=1):
    return struct.pack("<HHIi", trees, 1024, len(table), 2000) + struct.pack("<%dH" % len(table), *table)


def vectors(*pairs):
    return b"".join(struct.pack("<8hi", t, h, 0, 0, 0, 0, 0, 0, score) for t, h, score in pairs)


VECT = vectors((1999, 5000, 1024), (2000, 0, 1024), (2001, 4000, 2048), (2001, 4001, 3072))


def bundle(sections=None, key=KEY, count=None, magic=b"VGM1", version=1, of=FEATURES, total=None):
    if sections is None:
        sections = sound()
    body = b"".join(struct.pack("<4sI", tag, len(part)) + part for tag, part in sections)
    length = 12 + len(body) + 32
    head = struct.pack(
        "<4sBBHI", magic, version, of, len(sections) if count is None else count, total or length
    )
    return head + body + hmac_sha256(key, (head + body,))


def sound():
    return [(b"FRST", frst()), (b"PARM", b"detectors"), (b"VECT", VECT), (b"META", b"{}")]


def read(data, key=KEY):
    return model.read(io.BytesIO(data), len(data), key)


def reason(data, key=KEY):
    try:
        read(data, key)
    except ValueError as error:
        return str(error)
    raise AssertionError("this bundle must be refused")


def test_a_sound_bundle_is_a_model():
    data = bundle()
    loaded = read(data)
    assert loaded.id == hashlib.sha256(data[12:-32]).digest()[:4]
    assert loaded.params == b"detectors"
    assert loaded.threshold == loaded.forest.threshold == 2000


def test_sections_may_stand_in_any_order_and_unknown_ones_are_skipped():
    sections = sound()
    sections.reverse()
    assert read(bundle([(b"NEXT", b"who knows")] + sections)).threshold == 2000


def test_a_bundle_cut_anywhere_is_refused():
    data = bundle()
    for length in range(len(data)):
        assert reason(data[:length])


def test_any_changed_byte_is_refused():
    data = bundle()
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 0x40
        assert reason(changed)


def test_another_devices_bundle_says_so():
    assert "another device" in reason(bundle(key=b"other" * 6))


def test_a_newer_bundle_asks_for_newer_software():
    assert "update" in reason(bundle(version=2))


def test_another_feature_version_asks_for_training():
    assert "train it again" in reason(bundle(of=FEATURES + 1))


def test_a_file_of_another_kind_is_named_so():
    assert "not a Vigie model" in reason(bundle(magic=b"RIFF"))


def test_lengths_that_lie_are_refused_even_when_authentic():
    assert "cut short or joined" in reason(bundle(total=99))
    assert "fewer sections" in reason(bundle(count=5))
    assert "after the last section" in reason(bundle(count=3))
    long = struct.pack("<4sI", b"FRST", 0x7FFFFFFF) + b"short"
    head = struct.pack("<4sBBHI", b"VGM1", 1, FEATURES, 1, 12 + len(long) + 32)
    assert "past the end" in reason(head + long + hmac_sha256(KEY, (head + long,)))


def test_a_section_that_is_missing_or_doubled_is_named():
    for i, tag in enumerate(("FRST", "PARM", "VECT")):
        sections = sound()
        del sections[i]
        assert tag in reason(bundle(sections))
    assert "twice" in reason(bundle(sound() + [(b"PARM", b"more")]))


def test_broken_forests_and_vectors_are_refused_even_when_authentic():
    far_node = frst(TABLE[:5] + (48 | 9 << 6, 0, 1 | 19 << 6, 0))
    far_leaf = frst(TABLE[:5] + (16 | 40 << 6, 0, 1 | 19 << 6, 0))
    for forest in (frst(trees=2), far_node, far_leaf, b""):
        assert "forest" in reason(bundle([(b"FRST", forest)] + sound()[1:]))
    for vectors in (VECT[:-1], b""):
        assert "vectors" in reason(bundle(sound()[:2] + [(b"VECT", vectors)]))


def test_a_forest_that_answers_otherwise_than_in_the_cloud_is_refused():
    wrong = vectors((1999, 5000, 1025))
    assert "self-test" in reason(bundle(sound()[:2] + [(b"VECT", wrong)]))


def test_load_gives_a_reason_instead_of_raising():
    loaded, why = model.load("no/such/file.bin", KEY)
    assert loaded is None
    assert "no/such/file.bin" in why


def test_loading_takes_no_room_for_the_whole_file():
    if sys.implementation.name != "micropython":
        return
    data = io.BytesIO(bundle(sound() + [(b"NEXT", bytes(60000))]))
    length = len(data.getvalue())
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    model.read(data, length, KEY)
    taken = gc.mem_alloc() - before
    gc.enable()
    assert taken < 16000, taken
