"""From text to a header and rows: finds the separator, where the table begins, and the lines to leave out."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import takewhile, zip_longest

from cloud.recording import headings, labelled, numbers
from cloud.recording.description import Asked
from cloud.recording.refused import RecordingRefused
from cloud.recording.sheet import Sheet

SEPARATORS = ("\t", ";", "|", ",", " ")  # a comma is also a decimal mark, a blank may stand anywhere
BEGINNING = 200  # lines in which to look for the separator and the header
LONG = 2000  # letters of such a line that are read
UNIT_LINES = 3  # at most, after the header
FEW = 0.1  # of the rows may be unusable
VALUE = re.compile(r"""\s*["'=]*[+\-−.]?\d""")
Row = tuple[int, list[str]]  # its line, its cells


def parse(text: str, asked: Asked) -> Sheet:
    """The table in `text`. Raises RecordingRefused."""
    if labelled_lines := labelled.parse(text, asked):
        return labelled_lines
    start = 1
    separator: str | None
    if text[:4].lower() == "sep=":  # what Excel writes, and reads
        first, _, text = text.partition("\n")
        separator, start = first[4:5] or None, 2
    else:
        separator = _separator(text, asked)
    if not separator:
        line = text.lstrip().split("\n", 1)[0].strip()[:80]
        cure = "separate them by commas, semicolons or tabs, with a header such as ts,t,h"
        raise RecordingRefused(f'"{line}" has no columns: {cure}', 1)
    rows = list(_rows(text, separator, start))
    at = _header(rows, asked)
    if at is None:
        width = Counter(len(cells) for _, cells in rows).most_common(1)[0][0]
        sheet = Sheet(asked, [str(number + 1) for number in range(width)], bare=True)
        _fill(sheet, rows)
        return sheet
    began, header = rows[at]
    while header and not header[-1].strip():
        header = header[:-1]
    sheet = Sheet(asked, [cell.strip() for cell in header])
    before = [each for each, cells in rows[:at] if not _comment(cells)]
    if before:
        sheet.notes.append(f"the table begins at line {began}; {len(before)} lines before it are left out")
    rows = rows[at + 1 :]
    unit_lines = list(takewhile(lambda row: _is_unit_line(row[1]), rows[:UNIT_LINES]))
    if unit_lines and len(unit_lines) < len(rows):
        columns = zip_longest(*(cells for _, cells in unit_lines), fillvalue="")
        texts = [" ".join(filter(None, map(str.strip, words))) for words in columns]
        sheet.units = (texts + [""] * len(header))[: len(header)]
        sheet.notes.append(f"line {unit_lines[0][0]} gives units: {', '.join(filter(None, sheet.units))}")
        rows = rows[len(unit_lines) :]
    _fill(sheet, rows)
    return sheet


def _is_unit_line(cells: list[str]) -> bool:
    """Whether a line that follows the header holds units or other words, and no reading."""
    words = [cell.strip() for cell in cells if any(letter.isalnum() or letter in "%°" for letter in cell)]
    return (
        bool(words)
        and not any(map(VALUE.match, words))
        and not all(word.casefold() in numbers.NONE for word in words)
        and not headings.best(words, headings.TEMPERATURES)
        and not _comment(cells)
    )


def _fill(sheet: Sheet, rows: list[Row]) -> None:
    """Put `rows` under the header, and note which are left out. A later header changes the columns' order.

    Raises RecordingRefused where another table begins.
    """
    names, width = set(sheet.header), len(sheet.header)
    places = list(range(width))
    long: list[int] = []
    comments = headers = rules = 0
    new_header = False
    for line, cells in rows:
        if _comment(cells):
            comments += 1
            new_header = cells[0].startswith(("#datatype", "#group", "#default"))  # annotated CSV of InfluxDB
            continue
        if not any(letter.isalnum() for cell in cells for letter in cell):
            rules += 1
            continue
        names_here = [cell.strip() for cell in cells]
        again = names_here[0] in names and not sheet.bare and names.issubset(names_here)
        if new_header or again:
            headers += 1
            places = [names_here.index(name) if name in names_here else -1 for name in sheet.header]
            new_header = False
            continue
        if not VALUE.match(cells[0]) and not sheet.bare and _is_header(cells, sheet.asked):
            other = ", ".join(names_here)[:80]
            raise RecordingRefused(f"a table with other columns begins ({other}): split the file there", line)
        if len(cells) > width and any(cell.strip() for cell in cells[max([width - 1, *places]) + 1 :]):
            long.append(line)
            continue
        sheet.rows.append([cells[place] if 0 <= place < len(cells) else "" for place in places])
        sheet.lines.append(line)
        if len(cells) < width:
            sheet.short[line] = len(cells)
    if long and len(long) > FEW * (len(long) + len(sheet.rows)):
        raise RecordingRefused(
            f"more cells than the header's {width} columns ({len(long)} such rows). Decimal commas? Export "
            "with semicolons between the columns, or with decimal points",
            long[0],
        )
    if long:
        sheet.notes.append(f"{len(long)} rows with too many cells are left out (first: line {long[0]})")
    if rules:
        sheet.notes.append(f"{rules} lines without a letter or digit are left out")
    if headers:
        sheet.notes.append(f"the header is repeated {headers} times")
    if comments:
        sheet.notes.append(f"{comments} lines that begin with # are left out")


def _comment(cells: list[str]) -> bool:
    return len(cells[0]) > 1 and cells[0].startswith("#")


def _rows(text: str, separator: str, start: int) -> Iterator[Row]:
    """Rows that are not empty."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    while True:
        line = reader.line_num + start
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cure = 'is a quote (") missing there? Shorten that cell, or remove the line'
            raise RecordingRefused(f"{error}: {cure}", line) from None
        for cell in cells:
            _, newline, rest = cell.partition("\n")
            if newline and rest.count(separator) >= max(1, len(cells) - 2):
                what = 'a quote (") opens and swallows the lines after it: close or remove it'
                raise RecordingRefused(what, line)
        if any(cell.strip() for cell in cells):
            yield line, cells


def _separator(text: str, asked: Asked) -> str | None:
    """The first separator that makes one of the first lines a header, else the one that fits most lines."""
    beginning = [line[:LONG] for line in text.splitlines()[:BEGINNING] if line.strip()]
    alike: dict[str, int] = {}
    for separator in SEPARATORS:
        if separator == " " and alike:
            break
        rows = list(csv.reader(beginning, delimiter=separator, skipinitialspace=True))
        width, count = Counter(map(len, rows)).most_common(1)[0]
        if separator == " " and 2 * count < len(rows):
            break  # a text, not a table
        if any(len(cells) > 1 and _is_header(cells, asked) for cells in rows):
            return separator
        if width > 1:
            alike[separator] = count
    return max(alike, key=lambda each: alike[each]) if alike else None


def _header(rows: list[Row], asked: Asked) -> int | None:
    """The place of the header: one that names time and temperature, else the first row without a value."""
    beginning = rows[:BEGINNING]
    for place, (_, cells) in enumerate(beginning):
        if _is_header(cells, asked):
            return place
    width = Counter(len(cells) for _, cells in beginning).most_common(1)[0][0] if beginning else 0
    for place, (_, cells) in enumerate(beginning):
        if not _comment(cells) and len(cells) >= min(width, 2) and not any(map(VALUE.match, cells)):
            return place
    return None if beginning else 0


def _is_header(cells: list[str], asked: Asked) -> bool:
    if any(map(VALUE.match, cells)):
        return False
    stripped = [cell.strip() for cell in cells]
    if asked.columns and all(name in stripped for name in asked.columns.values()):
        return True
    return bool(headings.best(cells, headings.TEMPERATURES)) and (
        bool(headings.times(cells)) or bool(headings.best(cells, headings.HUMIDITIES))
    )
