"""Makes foreign text safe for a mail's header, a log line, a terminal: no character in it acts."""

import unicodedata

# A spreadsheet's formula begins with one of these, also in full width and after blanks; `printable` writes
# tabs and ends of lines out.
FORMULA = ("=", "+", "-", "@")
# Control and format characters (bidi among them), lone surrogates, line and paragraph separators.
_ACTING = ("Cc", "Cf", "Cs", "Zl", "Zp")


def printable(text: str, keep: str = "") -> str:
    r"""`text` with every character that could act written out, such as \n, \x1b, \u202e, except `keep`."""
    if text.isprintable():
        return text
    acting = {
        ord(letter): letter.encode("unicode_escape").decode()
        for letter in set(text)
        if letter not in keep and unicodedata.category(letter) in _ACTING
    }
    return text.translate(acting)


def cell(text: str) -> str:
    """`text` so that no spreadsheet reads it as a formula, for a CSV file or a table that can become one."""
    text = printable(text)
    acts = unicodedata.normalize("NFKC", text).lstrip().startswith(FORMULA)
    return f"'{text}" if acts else text
