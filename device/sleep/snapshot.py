"""What changes in objects, as bytes and back: so what detectors know outlives a deep sleep, in RTC memory.

It takes the whole numbers (None too) and arrays of an object, and of objects in it and in its tuples, in the
order of their names. All else, such as text, tuples of numbers and objects whose class says `constant`, stays
as the program made it.
"""

import struct
from array import array
from binascii import crc32

from ..chip.compat import const

MOST = const(2048)  # bytes of RTC memory on an ESP32
_MAGIC = const(b"VGR1")
_HEADER = const("<4sIHqIIIII")  # magic, layout, bytes of numbers, then `facts`
_SIZE = const(38)


def pack(stamp, facts, deep, shallow, text):
    """The bytes of object `deep` with all that it holds, of the objects `shallow`, and of `text` (bytes).

    `stamp` (bytes): who may read it again. `facts`: one int64 and five uint32 that peek() gives back.
    """
    layout, places = _places(stamp, deep, shallow)
    body = bytearray()
    for owner, name in places:
        value = getattr(owner, name)
        if isinstance(value, array):
            for number in value:
                _put(body, number)
        else:
            _put(body, value)
    data = struct.pack(_HEADER, _MAGIC, layout, len(body), *facts) + body + text
    return data + struct.pack("<I", crc32(data))


def peek(data):
    """The facts in `data`. ValueError when it is damaged or was not written by pack()."""
    if len(data) < _SIZE + 4 or data[:4] != _MAGIC:
        raise ValueError("empty or foreign")
    if struct.unpack("<I", data[-4:])[0] != crc32(data[:-4]):
        raise ValueError("damaged")
    return struct.unpack(_HEADER, data[:_SIZE])[3:]


def fits(data, stamp, deep, shallow):
    """True when `data`, which peek() took, is of the same program, settings and model."""
    return struct.unpack_from("<I", data, 4)[0] == _places(stamp, deep, shallow)[0]


def unpack(data, deep, shallow):
    """Put what pack() took into objects of the same making, for which fits() holds; returns the text."""
    at = _SIZE
    for owner, name in _places(b"", deep, shallow)[1]:
        value = getattr(owner, name)
        if isinstance(value, array):
            for i in range(len(value)):
                value[i], at = _get(data, at)
        else:
            number, at = _get(data, at)
            setattr(owner, name, bool(number) if type(value) is bool else number)
    return data[at:-4]


def _places(stamp, deep, shallow):
    """(a checksum of all names, [(owner, name), …])."""
    places = []
    _collect(deep, True, places)
    for thing in shallow:
        _collect(thing, False, places)
    layout = crc32(stamp)
    for owner, name in places:
        value = getattr(owner, name)
        size = len(value) if isinstance(value, array) else 0
        layout = crc32(("%s.%s:%d" % (type(owner).__name__, name, size)).encode(), layout)
    return layout, places


def _collect(thing, deep, places):
    for name in sorted(thing.__dict__):
        value = getattr(thing, name)
        if value is None or type(value) in (int, bool) or isinstance(value, array):
            places.append((thing, name))
        elif deep:
            for each in value if isinstance(value, tuple) else (value,):
                if hasattr(each, "__dict__") and not hasattr(each, "constant"):
                    _collect(each, True, places)


def _put(out, value):
    """A whole number of any size, small ones in one byte; 0 stands for None."""
    number = 0 if value is None else 1 + (value << 1 if value >= 0 else (-value << 1) - 1)
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)


def _get(data, at):
    number = shift = 0
    while data[at] > 127:
        number |= (data[at] & 127) << shift
        shift += 7
        at += 1
    number |= data[at] << shift
    if not number:
        return None, at + 1
    number -= 1
    return (-(number + 1 >> 1) if number & 1 else number >> 1), at + 1
