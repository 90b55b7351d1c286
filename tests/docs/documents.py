"""The documents, as tests look at them."""

import re
import shlex
from functools import cache

from tests.deploy.conftest import ROOT

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])


@cache
def text(page):
    return page.read_text(encoding="utf-8")


def short(page):
    return str(page.relative_to(ROOT))


def without_code(page):
    return re.sub(r"^```.*?^```|^    .*?$|`[^`\n]*`", "", text(page), flags=re.MULTILINE | re.DOTALL)


@cache
def anchors(page):
    """What GitHub makes of the headings."""
    prose = re.sub(r"^```.*?^```", "", text(page), flags=re.MULTILINE | re.DOTALL)
    names = set()
    for heading in re.findall(r"^#+ (.*)$", prose, re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).lower())
        names.add(plain.replace(" ", "-"))
    return names


def links(page):
    """(file, anchor) of each link of the page to a file of the repository; "" stands for the page itself."""
    targets = re.findall(r"\]\(([^)\s]+)\)", without_code(page)) + re.findall(r'src="([^"]+)"', text(page))
    return [target.partition("#")[::2] for target in targets if "://" not in target]


def blocks(page):
    """The lines of fenced blocks that are no language of their own, and of indented ones."""
    fenced = re.findall(r"^```(?:sh)?\n(.*?)^```", text(page), re.MULTILINE | re.DOTALL)
    return [block.splitlines() for block in fenced]


def commands(page):
    """Command lines that the page shows, in blocks and in the text, as words; ellipses are filled in."""
    shown = [line for block in blocks(page) for line in block]
    shown += [line.strip() for line in re.findall(r"^    (\S.*)$", text(page), re.MULTILINE)]
    shown += re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text(page))
    for line in shown:
        line = re.sub(r"\s#.*$|\s+\|.*$|\s*>>?\s*\S+$", "", line).strip()
        if re.match(r"(?:[A-Z_]+=\S+ )*(?:\S*/)?(?:python3?|make|streamlit|docker)(?: |$)", line):
            try:
                yield [
                    word
                    for word in shlex.split(re.sub(r"\$\([^)]*\)|…", "x", re.sub(r"\[?SEQ\]?", "1", line)))
                ]
            except ValueError:
                continue  # half of a command, in prose
