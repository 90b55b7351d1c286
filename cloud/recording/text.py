"""From a file's bytes to its text: by its byte order mark, else UTF-8, else Windows-1252, which is noted."""

import codecs
import re
import unicodedata
from pathlib import Path

from cloud.recording.refused import RecordingRefused

MARKS = (  # the longer first: UTF-32 begins as UTF-16 does
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
FROM_PANDAS = ".venv/bin/python -c \"import pandas; pandas.{read}.to_csv('{path}.csv', index=False)\""
OTHERS = (
    (b"PK\x03\x04", "a workbook or a ZIP archive: open it and save the sheet as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook: open it and save the sheet as CSV (UTF-8)"),
    (b"\x1f\x8b", "compressed: unpack it first (gunzip)"),
    (b"BZh", "compressed: unpack it first (bunzip2)"),
    (b"\xfd7zXZ", "compressed: unpack it first (unxz)"),
    (b"\x28\xb5\x2f\xfd", "compressed: unpack it first (unzstd)"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"PAR1", "Parquet: " + FROM_PANDAS.replace("{read}", "read_parquet('{path}')")),
    (b"SQLite format 3", "a SQLite database: export its table as CSV first"),
    (b"%PDF", "a PDF: export the readings themselves as CSV"),
)
OPENINGS = (
    ("<", "a web page or XML, not a CSV: download the file itself"),
    (r"\{\\rtf", "a text with formats (RTF): save it as plain text"),
    (r"\{.*\}\s*(\n|$)", "JSON: " + FROM_PANDAS.replace("{read}", "read_json('{path}', lines=True)")),
    (r"\[\s*\{", "JSON: " + FROM_PANDAS.replace("{read}", "read_json('{path}')")),
    (r"\{|\[\s*\[", "JSON, but no list of readings: export it as CSV, with a header such as ts,t,h"),
    (
        r"[^\s,]+(,[^\s,=]+=\S+)* [^\s,=]+=\S+ \d{16,19}\s",
        "InfluxDB's line protocol: export it as CSV (influx query --raw)",
    ),
)
NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
MOST = 128 * 2**20  # bytes: memory for more is seldom there, it takes some 35 times as much
# Digits and marks of other scripts, as keyboards of Asia and of Arabic write them.
MARKS_OF_NUMBERS = {0xFF0E: ".", 0xFF0D: "-", 0x066B: ".", 0xFF1A: ":", 0xFF0F: "/", 0xFF05: "%"}


def check_size(path: Path) -> None:
    """Raises RecordingRefused for a file that would take more memory than there is, before it is read."""
    size = path.stat().st_size
    if size > MOST:
        raise RecordingRefused(
            f"{path} has {size >> 20} MB, more than {MOST >> 20}: keep its newest rows: "
            f"(head -n 1 '{path}'; tail -n 3000000 '{path}') > part.csv"
        )


def decode(data: bytes, path: object) -> tuple[str, list[str]]:
    """The text, and what had to be assumed. Raises RecordingRefused."""
    for start, what in OTHERS:
        if data.startswith(start):
            raise RecordingRefused(f"{path} is {what.format(path=path)}")
    text, notes = _decoded(data)
    text = text.replace("\ufeff", "")  # also where files with a mark were joined
    if nuls := text.count("\0"):
        text = text.replace("\0", "")
        notes.append(f"{nuls} zero bytes, as a power cut leaves them, are left out")
    begin = text[:1000].lstrip()
    if 20 * len(NO_TEXT.findall(begin)) > len(begin):
        raise RecordingRefused(f"{path} is no text, but a file of some program: export the readings as CSV")
    if not begin:
        raise RecordingRefused(f"{path} is empty: export it again")
    for opening, what in OPENINGS:
        if re.match(opening, begin):
            raise RecordingRefused(f"{path} is {what.format(path=path)}")
    return _plain_digits(text, notes), notes


def _plain_digits(text: str, notes: list[str]) -> str:
    others = {letter for letter in set(text) if letter.isdecimal() and letter > "9"}
    if not others:
        return text
    notes.append("digits of another script are read as 0 to 9")
    return text.translate(
        MARKS_OF_NUMBERS | {ord(letter): str(unicodedata.decimal(letter)) for letter in others}
    )


def _decoded(data: bytes) -> tuple[str, list[str]]:
    for mark, name in MARKS:
        if data.startswith(mark):
            data = data[len(mark) :]
            if name == "utf-8":
                break
            return _wide(data, name)
    else:
        zeros = [data[:2000:2].count(0), data[1:2000:2].count(0)]  # every second byte of UTF-16 is one
        if max(zeros) > len(data[:2000]) // 5 and min(zeros) < max(zeros) // 10:
            return _wide(data, "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be")
    for name, notes in (("utf-8", []), ("cp1252", ["not UTF-8: read as Windows-1252"])):
        try:
            return data.decode(name), notes
        except UnicodeDecodeError:
            pass
    return data.decode("latin-1"), ["not UTF-8: read as Latin-1"]


def _wide(data: bytes, name: str) -> tuple[str, list[str]]:
    """Text of 2 or 4 bytes a letter, without a letter that is cut short."""
    width = 4 if "32" in name else 2
    return data[: len(data) // width * width].decode(name, "replace"), [f"read as {name[:6].upper()}"]
