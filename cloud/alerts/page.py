"""The content of a mail, rendered twice: as plain text, and as HTML that a phone shows well."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from jinja2 import Environment, Template

Tone = Literal["severe", "warning", "calm"]

_STRIP: dict[Tone, str] = {"severe": "#d92d20", "warning": "#d97706", "calm": "#0f6cbd"}
_BADGE: dict[Tone, str] = {"severe": "#b42318", "warning": "#92500a", "calm": "#0b4f8a"}
_FONT = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"


@dataclass(frozen=True)
class Figure:
    """An important number. `hot`: it is the abnormal one."""

    label: str
    value: str
    note: str
    hot: bool = False


@dataclass(frozen=True)
class Button:
    label: str
    url: str
    primary: bool = False


@dataclass(frozen=True)
class ListEntry:
    """A line of a list."""

    name: str
    text: str
    url: str | None = None
    tone: Tone = "calm"


@dataclass(frozen=True)
class Section:
    title: str
    entries: tuple[ListEntry, ...] = ()
    more: str = ""


@dataclass(frozen=True)
class Page:
    """The whole content of a mail, top to bottom, all in plain text."""

    language: str
    tone: Tone
    badge: str
    place: str
    preview: str  # what a phone shows beside the subject
    subject: str = ""
    title: str = ""
    leads: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    picture: str = ""  # a description of the picture; "" = none
    rows: tuple[tuple[str, str], ...] = ()
    sections: tuple[Section, ...] = ()
    buttons: tuple[Button, ...] = ()
    ask: str = ""
    answers: tuple[Button, ...] = ()
    foot: tuple[str, ...] = ()


def text(page: Page) -> str:
    """Lines that read well in any mail program, with the facts in a column."""
    lines = [page.title, ""]
    for lead in page.leads:
        lines += [lead, ""]
    rows = [(each.label, f"{each.value} ({each.note})" if each.note else each.value) for each in page.figures]
    rows += page.rows
    if rows:
        width = max(len(name) for name, _ in rows) + 2
        lines += [f"{name:<{width}}{value}" for name, value in rows] + [""]
    for section in page.sections:
        lines += [section.title]
        for entry in section.entries:
            lines += [f"- {entry.name}", *(f"  {line}".rstrip() for line in entry.text.splitlines())]
        lines += [section.more] if section.more else []
        lines += [""]
    for button in page.buttons:
        lines += [button.label, button.url, ""]
    if page.answers:
        lines += [page.ask, *(line for each in page.answers for line in (each.label, each.url)), ""]
    if page.foot:
        lines += ["-- ", *page.foot]
    return "\n".join(lines).rstrip() + "\n"


def html(page: Page) -> str:
    """HTML that mail programs understand; all text in it is escaped."""
    return _template().render(page=page, strip=_STRIP, badge=_BADGE, font=_FONT)


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))
