"""What a mail about an episode says: a subject that is enough on a lock screen, then the facts."""

from __future__ import annotations

import html
from dataclasses import dataclass
from datetime import UTC, datetime

from cloud.alerts.episodes import Episode
from device import codes


@dataclass(frozen=True)
class Mail:
    """One mail, ready for any sender. `tags` travel beside it, for the sender's statistics."""

    to: tuple[str, ...]
    subject: str
    text: str
    html: str
    category: str
    tags: dict[str, str]


def opening(episode: Episode, to: tuple[str, ...], dashboard: str | None) -> Mail:
    """The mail that tells of a new episode."""
    lines = [
        ("Board", f"{episode.device} at {episode.site}"),
        ("Since", _time(episode.opened)),
        ("Abnormal", f"{episode.abnormal} readings so far"),
        ("Temperature", _span(episode.t_min, episode.t_max, "°C")),
        ("Humidity", _span(episode.h_min, episode.h_max, "%RH")),
        ("Detectors", ", ".join(_names(episode.edge_flags)) or "none"),
        ("Sensor says", episode.why or ""),
        ("Cloud", _opinion(episode)),
    ]
    shown = [(name, value) for name, value in lines if value]
    closing = "This is the only mail about this episode: it is over when readings stay normal."
    link = f"See it: {dashboard}" if dashboard else ""
    text = (
        "\n".join([*(f"{name + ':':<13}{value}" for name, value in shown), "", closing, link]).rstrip() + "\n"
    )
    rows = "".join(
        f'<tr><td style="padding:4px 16px 4px 0;color:#667">{html.escape(name)}</td>'
        f'<td style="padding:4px 0">{html.escape(value)}</td></tr>'
        for name, value in shown
    )
    button = f'<p><a href="{html.escape(dashboard)}">Open the dashboard</a></p>' if dashboard else ""
    subject = f"{episode.device}: {headline(episode)}"
    page = (
        '<div style="font:16px/1.4 sans-serif;max-width:34em">'
        f"<h2>{html.escape(subject)}</h2><table>{rows}</table>{button}"
        f'<p style="color:#667">{closing}</p></div>'
    )
    tags = {"episode": episode.id, "device": f"{episode.site}/{episode.device}"}
    return Mail(to, subject, text, page, f"vigie-{episode.severity}", tags)


def headline(episode: Episode) -> str:
    """What happened, in a few words."""
    if episode.edge_flags & codes.SENSOR_ERROR and episode.t_max is None:
        return f"the sensor fails ({episode.why or 'no reason given'})"
    values = f"{_span(episode.t_min, episode.t_max, '°C')}, {_span(episode.h_min, episode.h_max, '%RH')}"
    kind = "severe anomaly" if episode.severity == "severe" else "unusual readings"
    return f"{kind} ({values})"


def _opinion(episode: Episode) -> str:
    if episode.agreed == episode.abnormal:
        return "agrees with the board"
    if episode.agreed == 0:
        return "does not agree with the board"
    return f"agrees with the board on {episode.agreed} of {episode.abnormal}"


def _names(flags: int) -> list[str]:
    return [name for bit, name in enumerate(codes.FLAG_NAMES) if flags & codes.ABNORMAL & 1 << bit]


def _span(low: int | None, high: int | None, unit: str) -> str:
    if low is None or high is None:
        return ""
    if low == high:
        return f"{low / 100:.1f} {unit}"
    return f"{low / 100:.1f} to {high / 100:.1f} {unit}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
