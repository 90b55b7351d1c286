"""What a boot finds in the outbox: names, sizes and headers; the records are checked when they are sent.

A file that cannot be read, or is not what its name says, costs its own records: they go to the journal as
dropped. Nothing here raises OSError, so no file can keep a board from starting.
"""

import os

from . import segment
from ..chip.compat import const
from ..chip.lazy import borrow
from .segment import BOOT, COUNT, FIRST, RECORDS, SIZE

header = borrow("outbox.header")

_FOLDER = const(0x4000)  # of a file's mode
_FARTHEST = const(0x80000000)  # a name with a first seq above it counts only if the header says the same
_MOST = const(0xFFFF0000)  # of seqs and boots, which are 32 bits wide


class Recovered:
    """segments: [(first, count, boot, model)], oldest first. useless: files without a usable record.

    following: the next seq. boot: this boot's number. stream: 4 bytes, None for a new one. damaged: records
    that cannot be read.
    """

    def __init__(self):
        self.segments = []
        self.useless = []
        self.following = 0
        self.boot = 1
        self.stream = None
        self.damaged = 0


def prepare(folder):
    """The folder is there and can be read, and no folder stands where a file belongs; or flash is broken."""
    try:
        os.mkdir(folder)
    except OSError:
        pass  # it is there
    try:
        os.listdir(folder)
    except OSError:
        if _put_aside(folder):
            prepare(folder)
    for path in (folder + "/journal", folder + "/journal.new"):
        if _is_folder(path):
            _put_aside(path)


def _put_aside(path):
    try:
        os.rename(path, path + ".bad")
        return True
    except OSError:
        return False


def _is_folder(path):
    try:
        return bool(os.stat(path)[0] & _FOLDER)
    except OSError:
        return False


def recover(folder, journal):
    """Look at the segments in `folder`; what is missing or broken goes to `journal` as dropped."""
    result = Recovered()
    for boot, _, _ in journal.anchors:  # a boot may have learnt the time and not kept a reading
        result.boot = max(result.boot, boot + 1)
    files = []
    for first, boot, text in _names(folder):
        result.boot = max(result.boot, boot + 1)
        known = _look(folder + "/" + text, first, boot)
        if known:
            files.append((first, boot, text) + known)
        else:
            result.useless.append(text)
    result.stream = journal.stream
    for i in range(len(files) - 1, -1, -1):  # the newest tells, where the journal does not
        if result.stream is None and files[i][4]:
            result.stream = files[i][4][0]
    lost, broken = _sort(result, files)
    parts = result.segments
    end = parts[-1][FIRST] + parts[-1][COUNT] if parts else None
    for first, count in broken:
        if end is not None and first > end:
            lost.append((end, first - 1))
        end = max(end or 0, first + count)
    end = end or 0
    if result.stream is None:
        return result
    if journal.opened >= end and all(file[0] != journal.opened for file in files):
        lost.append((end, journal.opened + RECORDS - 1))  # the newest is gone: who knows how long it was
        end = journal.opened + RECORDS
    result.following = end
    before = _total(journal)
    for first, last in lost:
        journal.drop(first, last)
    for first, count in broken:
        if count:
            _give_up(parts, first, count, journal)
    result.damaged = _total(journal) - before
    for part in list(parts):
        if not part[COUNT]:
            parts.remove(part)
            result.useless.append(segment.name(part[FIRST], part[BOOT]))
    return result


def _names(folder):
    """(first, boot, name) of all segments, by first seq."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(parsed(text) + (text,) for text in names if parsed(text))


def parsed(text):
    """(first, boot) of a segment's file name, or None: also of one that segment.name() would not make."""
    try:
        first, boot = text[:-4].split("-")
        first, boot = int(first), int(boot)
    except ValueError:
        return None
    return (first, boot) if segment.name(first, boot) == text and max(first, boot) < _MOST else None


def _look(path, first, boot):
    """(how many records fit into the file, -1: nobody knows; its header or None), or None: no segment."""
    if _is_folder(path):
        return None
    count = -1
    try:
        count = max((os.stat(path)[6] - SIZE) // SIZE, 0)  # a torn tail is no record
        with open(path, "rb") as file:
            head = header.parsed(file.read(SIZE))
    except OSError:
        head = None  # flash cannot read it
    if not head or (head[1], head[3]) != (boot, first):
        if first >= _FARTHEST:
            return None  # no board can have counted that far
        head = None
    return min(count, RECORDS), head


def _sort(result, files):
    """Fill found.segments with what is sound; (runs missing between them, (first, count) of the rest)."""
    parts = result.segments
    lost = []
    broken = []
    for i, (first, boot, text, count, head) in enumerate(files):
        last = parts[-1] if parts else (0, 0, boot)
        over = last[FIRST] + last[COUNT] - first
        if head is None or head[0] != result.stream or (over > 0 and boot != last[BOOT]):
            result.useless.append(text)
            after = i + 1 < len(files)
            if after or count < 0:  # it may have been longer
                count = max(count, min(files[i + 1][0] - first if after else RECORDS, RECORDS))
            if head is None or head[0] == result.stream:
                broken.append((first, count))
            continue
        if over > 0:  # its tail was never confirmed and is in the next one
            parts[-1] = (last[FIRST], last[COUNT] - over) + last[BOOT:]
        elif parts and over < 0 and last[COUNT] < RECORDS:
            lost.append([first + over, first - 1])  # cut short, or acknowledged: the cloud may hear both
        parts.append((first, count, boot, head[2]))
    return lost, broken


def _give_up(parts, first, count, journal):
    """Report `count` records from `first` on as dropped, but for those that a segment of `parts` keeps."""
    journal.drop(first, first + count - 1)
    for part in parts:
        begin = max(first, part[FIRST])
        end = min(first + count, part[FIRST] + part[COUNT])
        if begin < end:
            journal.settle(begin, end - 1)


def _total(journal):
    return sum(last + 1 - first for first, last in journal.dropped)
