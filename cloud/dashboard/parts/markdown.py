"""Text from a board or a person, so that a page shows it letter by letter."""

import re

_MARKDOWN = re.compile(r"([!-/:-@\[-`{-~])")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """For Markdown: every sign that could mark anything up is escaped, what cannot be seen is replaced."""
    return _MARKDOWN.sub(r"\\\1", _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text))
