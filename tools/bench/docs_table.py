"""Tables in pages: a bench puts its own between two marks."""

from pathlib import Path

from tools.process.child import ToolFailed


def write(page: Path, name: str, text: str) -> None:
    """Put `text` between the marks of `make NAME` in `page`. Raises ToolFailed when they are not there."""
    begin, end = f"<!-- written by make {name} -->\n", f"<!-- end of make {name} -->\n"
    before, begun, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not (begun and ended):
        raise ToolFailed(f"{page}: the marks {begin.strip()} and {end.strip()} are missing: put them back")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
