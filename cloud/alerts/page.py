"""The content of a mail, rendered twice: as plain text, and as HTML that a phone shows well."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Literal

Tone = Literal["severe", "warning", "calm"]
IN_A_ROW = 3  # answers side by side, because a phone is narrow

_STRIP: dict[Tone, str] = {"severe": "#d92d20", "warning": "#d97706", "calm": "#0f6cbd"}
_BADGE: dict[Tone, str] = {"severe": "#b42318", "warning": "#92500a", "calm": "#0b4f8a"}
_FONT = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_STYLE = """
:root{color-scheme:light dark;supported-color-schemes:light dark}
@media (prefers-color-scheme:dark){
.ground{background:#101114!important}.card{background:#1c1d22!important}
.ink{color:#f2f2f4!important}.faint{color:#a5a7b0!important}
.line{border-color:#34363e!important}.other{border-color:#5b5e69!important;color:#f2f2f4!important}}
@media (max-width:480px){.pad{padding-left:18px!important;padding-right:18px!important}}
"""


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
    subject: str
    title: str
    preview: str  # what a phone shows beside the subject
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
    """HTML in one column, with tables and inline styles, which mail programs understand.

    All text is escaped.
    """
    body = [_head(page), *(_lead(lead) for lead in page.leads)]
    if page.figures:
        body.append(_figures(page.figures))
    if page.picture:
        body.append(
            f'<tr><td style="padding:14px 0 0"><img src="cid:chart" width="560" alt="{escape(page.picture)}" '
            'style="display:block;width:100%;height:auto;border:0;border-radius:10px;background:#fff"></td></tr>'
        )
    for button in page.buttons:
        body.append(_button(button))
    if page.answers:
        body.append(_answers(page))
    if page.rows:
        body.append(_rows(page.rows))
    body += [_section(section) for section in page.sections]
    foot = "<br>".join(escape(line) for line in page.foot)
    strip = _STRIP[page.tone]
    return (
        f'<!doctype html><html lang="{page.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(page.title)}</title><style>{_STYLE}</style></head>"
        f'<body class="ground" style="margin:0;padding:0;background:#eef0f3">'
        '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">'
        f"{escape(page.preview)}{'&#847;&zwnj;&nbsp;' * 40}</div>"
        '<table role="presentation" class="ground" width="100%" cellpadding="0" cellspacing="0" '
        'style="background:#eef0f3"><tr><td align="center" style="padding:16px 8px 24px">'
        '<table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0" '
        f'style="max-width:600px;background:#ffffff;border-radius:14px;border-top:6px solid {strip};'
        f'font-family:{_FONT}"><tr><td class="pad" style="padding:22px 28px 26px">'
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0">'
        f"{''.join(body)}</table></td></tr></table>"
        '<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:600px">'
        f'<tr><td class="faint pad" style="padding:16px 28px 0;font:13px/1.5 {_FONT};color:#666a73">{foot}'
        "</td></tr></table></td></tr></table></body></html>"
    )


def _head(page: Page) -> str:
    return (
        '<tr><td style="padding:0 0 10px;font-size:13px;line-height:20px">'
        f'<span style="display:inline-block;padding:2px 10px;border-radius:11px;color:#ffffff;'
        f'font-weight:600;background:{_BADGE[page.tone]}">{escape(page.badge)}</span>'
        f'<span class="faint" style="color:#666a73">&nbsp; {escape(page.place)}</span></td></tr>'
        '<tr><td class="ink" style="padding:0 0 8px;font-size:22px;line-height:28px;font-weight:700;'
        f'color:#16171a">{escape(page.title)}</td></tr>'
    )


def _lead(lead: str) -> str:
    style = "padding:0 0 6px;font-size:16px;line-height:24px;color:#2b2d33"
    return f'<tr><td class="ink" style="{style}">{escape(lead)}</td></tr>'


def _figures(figures: tuple[Figure, ...]) -> str:
    cells = "".join(
        f'<td class="line" width="{100 // len(figures)}%" valign="top" style="padding:10px 12px 10px 0">'
        f'<div class="faint" style="font-size:13px;line-height:18px;color:#666a73">{escape(each.label)}</div>'
        f'<div{"" if each.hot else " class=ink"} style="font-size:24px;line-height:30px;font-weight:700;'
        f'color:{"#d92d20" if each.hot else "#16171a"}">{escape(each.value)}</div>'
        f'<div class="faint" style="font-size:13px;line-height:18px;color:#666a73">{escape(each.note)}</div>'
        "</td>"
        for each in figures
    )
    table = '<table role="presentation" width="100%" cellpadding="0" cellspacing="0">'
    return f'<tr><td style="padding:6px 0 0">{table}<tr>{cells}</tr></table></td></tr>'


def _rows(rows: tuple[tuple[str, str], ...]) -> str:
    style = "padding:7px 0;font-size:15px;line-height:20px;border-top:1px solid #e4e6ea;vertical-align:top"
    label = f"{style};padding-right:12px;color:#666a73"
    made = "".join(
        f'<tr><td class="faint line" width="38%" style="{label}">{escape(name)}</td>'
        f'<td class="ink line" style="{style};color:#16171a">{escape(value)}</td></tr>'
        for name, value in rows
    )
    table = '<table role="presentation" width="100%" cellpadding="0" cellspacing="0">'
    return f'<tr><td style="padding:18px 0 0">{table}{made}</table></td></tr>'


def _section(section: Section) -> str:
    entries = "".join(_entry(entry) for entry in section.entries)
    if section.more:
        entries += _muted(section.more)
    head = "padding:20px 0 4px;font-size:15px;line-height:20px;font-weight:700;color:#16171a"
    table = '<table role="presentation" width="100%" cellpadding="0" cellspacing="0">'
    return (
        f'<tr><td class="ink" style="{head}">{escape(section.title)}</td></tr>'
        f"<tr><td>{table}{entries}</table></td></tr>"
    )


def _entry(entry: ListEntry) -> str:
    name = escape(entry.name)
    if entry.url is not None:
        name = f'<a class="ink" href="{escape(entry.url)}" style="color:#16171a">{name}</a>'
    body = escape(entry.text).replace("\n", "<br>")
    dot = _STRIP[entry.tone]
    return (
        f'<tr><td class="line" width="14" valign="top" style="padding:9px 0;border-top:1px solid #e4e6ea;'
        f'font-size:15px;line-height:20px;color:{dot}">&#9679;</td>'
        '<td class="ink line" style="padding:9px 0 9px 6px;border-top:1px solid #e4e6ea;font-size:15px;'
        f'line-height:20px;color:#16171a"><b>{name}</b><br>{body}</td></tr>'
    )


def _muted(line: str) -> str:
    style = "padding:9px 0;font-size:14px;line-height:20px;color:#666a73"
    return f'<tr><td class="faint" colspan="2" style="{style}">{escape(line)}</td></tr>'


def _button(button: Button) -> str:
    look = (
        "background:#1b4fd6;color:#ffffff;border:1px solid #1b4fd6"
        if button.primary
        else "border:1px solid #b9bdc7;color:#16171a"
    )
    kind = "" if button.primary else "other"
    return (
        '<tr><td style="padding:12px 0 0">'
        f'<a class="{kind}" href="{escape(button.url)}" style="display:block;{look};'
        "border-radius:10px;padding:12px 16px;text-align:center;text-decoration:none;font-size:16px;"
        f'line-height:20px;font-weight:600">{escape(button.label)}</a></td></tr>'
    )


def _answers(page: Page) -> str:
    rows = "".join(
        _in_a_row(page.answers[first : first + IN_A_ROW]) for first in range(0, len(page.answers), IN_A_ROW)
    )
    return (
        f'<tr><td class="faint" style="padding:16px 0 0;font-size:14px;line-height:20px;color:#666a73">'
        f"{escape(page.ask)}</td></tr><tr><td>{rows}</td></tr>"
    )


def _in_a_row(answers: tuple[Button, ...]) -> str:
    width = 100 // len(answers)
    cells = "".join(
        f'<td width="{width}%" style="padding:8px {"0 0 4px" if k else "4px 0 0"}">'
        f'<a class="other" href="{escape(answer.url)}" style="display:block;border:1px solid #b9bdc7;'
        "color:#16171a;border-radius:10px;padding:10px 8px;text-align:center;text-decoration:none;"
        f'font-size:15px;line-height:20px;font-weight:600">{escape(answer.label)}</a></td>'
        for k, answer in enumerate(answers)
    )
    table = '<table role="presentation" width="100%" cellpadding="0" cellspacing="0">'
    return f"{table}<tr>{cells}</tr></table>"
