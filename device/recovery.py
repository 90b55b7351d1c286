"""What a boot finds in the outbox: names, sizes and headers; the records are checked when they are sent."""

import os

from . import segment
from .segment import SIZE


class Found:
    """segments: [(first, count, boot, model)], oldest first. useless: files without a usable record.

    following: the next seq. boot: this boot's number. stream: 4 bytes, None for a new one. damaged: records
    behind a broken header.
    """

    def __init__(self):
        self.segments = []
        self.useless = []
        self.following = 0
        self.boot = 1
        self.stream = None
        self.damaged = 0


def recover(folder, journal):
    """Look at the segments in `folder`; those whose header is broken go to `journal` as dropped."""
    found = Found()
    files = []
    for text in os.listdir(folder):
        parsed = segment.parse_name(text)
        if parsed:
            files.append(parsed + (text,))
    files.sort()
    for boot, _, _ in journal.anchors:  # a boot may have learnt the time and not kept a reading
        found.boot = max(found.boot, boot + 1)
    counts = []
    for i, (first, boot, text) in enumerate(files):
        count = (os.stat(folder + "/" + text)[6] - SIZE) // SIZE  # a torn tail is no record
        if i + 1 < len(files):
            count = min(count, files[i + 1][0] - first)  # its tail was never confirmed and is in the next one
        counts.append(max(count, 0))
        found.boot = max(found.boot, boot + 1)
        found.following = max(found.following, first + counts[i])
    for i in range(len(files) - 1, -1, -1):  # the newest tells the stream
        first, boot, text = files[i]
        with open(folder + "/" + text, "rb") as file:
            head = segment.parse_header(file.read(SIZE))
        if head and (head[1], head[3]) == (boot, first) and found.stream in (None, head[0]):
            found.stream = head[0]
            if counts[i]:
                found.segments.insert(0, (first, counts[i], boot, head[2]))
                continue
        elif counts[i]:
            found.damaged += counts[i]
            journal.drop(first, first + counts[i] - 1)
        found.useless.append(text)
    return found
