"""A recording played as if it were measured now: `ts,t,h`, as `python -m cloud recording --out` writes it.

Each read() takes the next line and today's time; `ts` is only checked. A missing or impossible value is a
failed read. The file is streamed: it may be larger than the heap. A line that is not plain is refused, never
guessed at: other files are read on the computer.
"""

from ..codes import END_OF_DATA, NOT_A_NUMBER, OUT_OF_RANGE
from ..chip.compat import const

_HEADER = const("ts,t,h")
_CURE = const("make it plain: python -m cloud recording FILE --out plain.csv")


class Replay:
    """Plays `path`. ValueError names the line: the header at once, any other when met."""

    def __init__(self, path):
        self._path = path
        try:
            self._file = open(path)
        except OSError:
            raise ValueError("%s: no such file: copy the recording onto the board" % path) from None
        self._line = 1
        if self._file.readline().strip() != _HEADER:
            raise ValueError("%s line 1 is not %s: %s" % (path, _HEADER, _CURE))

    def read(self, out):
        """Put hundredths of degC and %RH of the next line into `out`; returns 0, NOT_A_NUMBER, OUT_OF_RANGE,
        or END_OF_DATA behind the last line. ValueError for a line that is not plain."""
        line = "\n"
        while line and not line.strip():
            line = self._file.readline()
            self._line += 1
        if not line:
            return END_OF_DATA
        cells = line.strip().split(",")
        if len(cells) != 3 or '"' in line or centi(cells[0]) is None:
            raise ValueError("%s line %d is not plain: %s" % (self._path, self._line, _CURE))
        out[0] = out[1] = 0
        for position in (0, 1):
            value = centi(cells[position + 1])
            if value is None:
                return NOT_A_NUMBER
            if not -32768 <= value <= 32767:
                return OUT_OF_RANGE
            out[position] = value
        return 0


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
