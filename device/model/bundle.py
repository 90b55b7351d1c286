"""Loads a board's model: a checked and authenticated bundle, by cloud/training/bundle.py (docs/forest.md).

Imported when a model is loaded, and let go.

header   "VGM1", format u8, features version u8, number of sections u16, length of the whole u32
section  tag 4 bytes, length u32, body: FRST the forest, PARM the detectors' parameters, EXCR and RHYT
         what excursion.py and rhythm.py need (where they watch), VECT self-test vectors, META for
         people; a board skips what it does not know
tail     HMAC-SHA256 (32 bytes) of all before it, under the device's key; numbers are little-endian
"""

import gc
import hashlib
import os
import struct
from array import array

from ..codes import FEATURES
from ..chip.compat import const
from .forest import Model
from ..chip.lazy import borrow

auth = borrow("auth")

MAGIC = const(b"VGM1")
FORMAT = const(1)
_HEADER = const("<4sBBHI")
_HEADER_SIZE = const(12)
_SECTION = const("<4sI")
_SECTION_SIZE = const(8)
_MAC_SIZE = const(32)
_VECTOR_SIZE = const(20)  # 8 int16 and the expected sum, int32
_CHUNK = const(512)
_ENOENT = const(2)


def load_active(key):
    """load() of the slot in use; (None, None) when there is none."""
    try:
        with open("/model/active") as file:
            slot = file.read(8).strip()
    except OSError as error:
        if error.args[0] == _ENOENT:
            return None, None
        slot = None
    except ValueError:  # no text at all
        slot = None
    if not slot:
        return None, "/model/active cannot be read: make model again"
    return load("/model/%s.bin" % slot, key)


def load(path, key):
    """(model, None), or (None, the reason in words) when `path` cannot be used. `key`: 32 bytes.

    The file stays open: flash gives the forest its nodes.
    """
    gc.collect()  # the forest's buffer wants a gap as long as itself
    file = None
    try:
        length = os.stat(path)[6]
        file = open(path, "rb")
        return read(file, length, key), None
    except OSError as error:
        problem = "no model at %s: %s" % (path, error)
    except ValueError as error:
        problem = "model %s refused: %s" % (path, error)
    except MemoryError:
        problem = "model %s refused: no room on the heap" % path
    if file:
        file.close()
    return None, problem


def read(file, length, key):
    """The model in `file` (at its start, `length` bytes), which its forest goes on reading. ValueError says
    why not. Nothing but the fixed header is looked at before the whole is authenticated."""
    sections, model_id = _authenticate(file, length, key)
    places = _sections(file, length - _MAC_SIZE, sections)
    for tag in (b"FRST", b"PARM", b"VECT"):
        if tag not in places:
            raise ValueError("section %s is missing" % tag.decode())
    vectors = _body(file, places[b"VECT"])
    if not vectors or len(vectors) % _VECTOR_SIZE:
        raise ValueError("the self-test vectors are cut short")
    params = _body(file, places[b"PARM"])
    stays = bands = None
    if b"EXCR" in places:
        stays = borrow("judge.excursion").Stays(_body(file, places[b"EXCR"]))
    if b"RHYT" in places:
        bands = borrow("judge.rhythm").Bands(_body(file, places[b"RHYT"]))
    place, size = places[b"FRST"]
    file.seek(place)
    load = borrow("model.load")
    forest = load.read(file, size)
    load.check(forest)
    if not _agrees(forest, vectors):
        raise ValueError("its self-test failed: this board would not judge as the cloud does")
    return Model(model_id, forest, params, stays, bands)


def _agrees(forest, vectors):
    """True when the forest gives the sums that the cloud computed for the vectors in the bundle."""
    for i in range(0, len(vectors), _VECTOR_SIZE):
        x = array("h", vectors[i : i + 16])
        if forest.score(x) != struct.unpack_from("<i", vectors, i + 16)[0]:
            return False
    return True


def _authenticate(file, length, key):
    header = file.read(_HEADER_SIZE)
    if len(header) < _HEADER_SIZE or length < _HEADER_SIZE + _MAC_SIZE:
        raise ValueError("it is cut short at %d bytes" % length)
    magic, version, features_version, sections, total = struct.unpack(_HEADER, header)
    if magic != MAGIC:
        raise ValueError("it is not a Vigie model")
    if version != FORMAT:
        raise ValueError("format %d, this board reads %d: update the board's software" % (version, FORMAT))
    if total != length:
        raise ValueError("it is cut short or joined: %d bytes, not %d" % (length, total))
    digest = hashlib.sha256()
    mac = auth.hmac_sha256(key, _parts(file, header, length - _HEADER_SIZE - _MAC_SIZE, digest))
    if not auth.same(mac, file.read(_MAC_SIZE)):
        raise ValueError("it is damaged or was made for another device: copy this device's model again")
    if features_version != FEATURES:
        raise ValueError(
            "made for features %d, this board has %d: train it again" % (features_version, FEATURES)
        )
    return sections, digest.digest()[:4]


def _parts(file, header, length, digest):
    """The authenticated bytes, piece by piece; `digest` takes the sections on the way."""
    yield header
    buffer = memoryview(bytearray(_CHUNK))
    while length:
        part = buffer[: min(length, _CHUNK)]
        got = file.readinto(part)
        if not got:
            raise ValueError("it is cut short")
        part = part[:got]
        digest.update(part)
        yield part
        length -= got


def _sections(file, end, count):
    """{tag: (place, length)}; every section must lie inside the authenticated bytes, and fill them."""
    places = {}
    place = _HEADER_SIZE
    for _ in range(count):
        if place + _SECTION_SIZE > end:
            raise ValueError("it has fewer sections than it says")
        file.seek(place)
        tag, length = struct.unpack(_SECTION, file.read(_SECTION_SIZE))
        place += _SECTION_SIZE
        if length > end - place:
            raise ValueError("section %r runs past the end" % tag)
        if tag in places:
            raise ValueError("section %r comes twice" % tag)
        places[tag] = (place, length)
        place += length
    if place != end:
        raise ValueError("%d bytes stand after the last section" % (end - place))
    return places


def _body(file, section):
    place, length = section
    file.seek(place)
    return file.read(length)
