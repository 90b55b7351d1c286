"""A recording played as if it were measured now: a CSV with the columns ts, t, h in any order.

Each read() takes the next line and today's time; `ts` is only checked. A missing or impossible value is a
failed read. The file is streamed: it may be larger than the heap.
"""

from ..codes import END_OF_DATA, NOT_A_NUMBER, OUT_OF_RANGE

_COLUMNS = ("ts", "t", "h")


class Replay:
    """Plays `path`. ValueError names the line: a missing column at once, an unreadable ts when met."""

    def __init__(self, path):
        self._path = path
        try:
            self._file = open(path)
        except OSError:
            raise ValueError("%s: no such file: copy the recording onto the board" % path) from None
        self._line = 1
        header = _cells(self._file.readline())
        for name in _COLUMNS:
            if name not in header:
                found = ",".join(header)
                raise ValueError("%s line 1: no column %r in %r: name them ts,t,h" % (path, name, found))
        self._ts, self._t, self._h = [header.index(name) for name in _COLUMNS]

    def read(self, out):
        line = "\n"
        while line and not line.strip():
            line = self._file.readline()
            self._line += 1
        if not line:
            return END_OF_DATA
        cells = _cells(line)
        if self._ts >= len(cells) or not _is_time(cells[self._ts]):
            cure = "write Unix seconds or 2026-01-31 12:00:00"
            raise ValueError("%s line %d: unreadable ts: %s" % (self._path, self._line, cure))
        out[0] = out[1] = 0
        for position, column in enumerate((self._t, self._h)):
            value = centi(cells[column]) if column < len(cells) else None
            if value is None:
                return NOT_A_NUMBER
            if not -32768 <= value <= 32767:
                return OUT_OF_RANGE
            out[position] = value
        return 0


def check(path):
    """Read all of `path` and return the number of its readings; ValueError names the first bad line."""
    replay = Replay(path)
    out = [0, 0]
    count = 0
    while replay.read(out) != END_OF_DATA:
        count += 1
    return count


def centi(text):
    """The decimal number `text` in hundredths, rounded half away from zero, exactly; None when it is none."""
    sign = -1 if text.startswith("-") else 1
    if text[:1] in ("-", "+"):
        text = text[1:]
    whole, _, part = text.partition(".")
    digits = whole + part
    if not digits or not all("0" <= c <= "9" for c in digits):
        return None
    part = (part + "000")[:3]
    return sign * ((int(whole or "0") * 1000 + int(part) + 5) // 10)


def _cells(line):
    return [cell.strip().strip('"') for cell in line.strip().split(",")]


def _is_time(text):
    if centi(text) is not None and text[:1] not in ("-", "+"):
        return True
    shape = "".join("0" if "0" <= c <= "9" else c for c in text[:19])
    return shape.replace("T", " ") == "0000-00-00 00:00:00"
