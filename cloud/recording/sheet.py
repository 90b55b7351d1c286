"""The table of a file, and one column of it: what is assumed goes into `notes`, what is wrong is an error."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cloud.recording.description import Asked
from cloud.recording.refused import RecordingRefused

SHOWN = 10  # names that an error lists


@dataclass
class Column:
    """Cells of one column, with the line of each in the file. `notes`: those of its sheet."""

    name: str
    cells: Sequence[str]
    lines: Sequence[int]
    notes: list[str]

    def refused(self, row: int, text: str) -> RecordingRefused:
        """The error that says `text` of the cell in this row."""
        return RecordingRefused(f"{self.name} {self.cells[row][:40]!r} {text}", self.lines[row])


@dataclass
class Sheet:
    """Rows as long as the header, with the line where each begins. `bare`: the file has no header.

    `units`: what lines between header and rows say of each column. `short`: cells in rows that end early,
    by line. `notes`: each assumption about the file, one line.
    """

    asked: Asked
    header: list[str]
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    bare: bool = False
    notes: list[str] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    short: dict[int, int] = field(default_factory=dict)

    def filled(self, places: list[int]) -> list[int]:
        """The columns of `places` that are not empty."""
        return [place for place in places if any(row[place].strip() for row in self.rows)]

    def named(self, place: int) -> str:
        """The column's name, with its unit from a line of its own."""
        unit = self.units[place] if self.units else ""
        return f"{self.header[place]} [{unit}]" if unit else self.header[place]

    def column(self, name: str, places: Sequence[int]) -> Column:
        """These columns as one, their cells joined by a blank. `name`: how errors call it."""
        return Column(name, [" ".join(row[k] for k in places) for row in self.rows], self.lines, self.notes)


def listed(names: Sequence[str]) -> str:
    """The first of these names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
