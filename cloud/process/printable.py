"""Text from elsewhere as it may stand in a mail's header, a log line, a terminal: nothing in it acts."""

from __future__ import annotations

import unicodedata

# With these a spreadsheet's formula begins, full-width and behind blanks too; tabs and ends of lines are
# written out.
FORMULA = ("=", "+", "-", "@")
# Control and format characters (bidi among them), lone surrogates, line and paragraph separators.
_ACTING = ("Cc", "Cf", "Cs", "Zl", "Zp")


def printable(text: str, keep: str = "") -> str:
    r"""`text` with every character that could act written out, such as \n, \x1b, \u202e; but for `keep`."""
    if text.isprintable():
        return text
    acting = {
        ord(letter): letter.encode("unicode_escape").decode()
        for letter in set(text)
        if letter not in keep and unicodedata.category(letter) in _ACTING
    }
    return text.translate(acting)


def cell(text: str) -> str:
    """`text` as no spreadsheet takes it for a formula: in a CSV file, or a table that can be saved as one."""
    text = printable(text)
    acts = unicodedata.normalize("NFKC", text).lstrip().startswith(FORMULA)
    return f"'{text}" if acts else text
