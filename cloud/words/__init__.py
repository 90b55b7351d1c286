"""Words for people, in English and in French: one table, for mails and for the dashboard.

words = Words("fr", "Europe/Paris")
words("since", when=words.moment(ts, now))
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cloud.contract.messages import CLOUD_BITS, UNKNOWN
from cloud.detectors import DETECTORS, FLAGS, DetectorRow
from cloud.process.printable import printable
from cloud.words import answers, mails, pages

TEXTS: dict[str, tuple[str, str]] = mails.TEXTS | pages.TEXTS | answers.TEXTS
LANGUAGES = ("en", "fr")
THIN = "\N{NARROW NO-BREAK SPACE}"
NBSP = "\N{NO-BREAK SPACE}"

# Things that are counted: singular, plural.
COUNTED: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "reading": (("reading", "readings"), ("mesure", "mesures")),
    "abnormal reading": (
        ("abnormal reading", "abnormal readings"),
        ("mesure anormale", "mesures anormales"),
    ),
    "board": (("board", "boards"), ("carte", "cartes")),
    "answer": (("answer", "answers"), ("réponse", "réponses")),
    "mail": (("mail", "mails"), ("e-mail", "e-mails")),
    "recipient": (("recipient", "recipients"), ("destinataire", "destinataires")),
    "episode": (("episode", "episodes"), ("épisode", "épisodes")),
    "day": (("day", "days"), ("jour", "jours")),
    "hour": (("hour", "hours"), ("heure", "heures")),
}

# Reasons of a failed read (device.codes.WHY); one that is not here is shown as it came.
REASONS = {
    "no answer": "pas de réponse",
    "bad checksum": "somme de contrôle fausse",
    "not a number": "pas un nombre",
    "out of range": "valeur impossible",
    "starting up": "démarrage",
    "end of data": "fin des données",
    "driver error": "erreur du pilote",
}

_MONTHS = (
    ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    ("janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."),
)


def plain(text: str) -> str:
    """`text` with ordinary spaces: for subjects and plain text, where programs count and search."""
    return text.replace(NBSP, " ").replace(THIN, " ")


class Words:
    """The table in one language, and numbers and dates as that language writes them."""

    def __init__(self, language: str, zone: str = "UTC") -> None:
        """An unknown `zone` becomes UTC, because a browser may name any zone."""
        self.language = language
        self._column = LANGUAGES.index(language)
        try:
            self.zone: tzinfo = UTC if zone == "UTC" else ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.zone = UTC

    def __call__(self, name: str, **values: object) -> str:
        return TEXTS[name][self._column].format(nbsp=NBSP, **values)

    def number(self, value: float, digits: int = 1) -> str:
        text = f"{value:z.{digits}f}"  # z: what rounds to nothing has no sign
        if self.language == "fr":
            text = text.replace(".", ",")
        return text.replace("-", "\N{MINUS SIGN}")

    def tick(self, value: float) -> str:
        """A value on an axis, with no more digits than it has."""
        return self.number(value, 0 if value == round(value) else 1)

    def count(self, value: int) -> str:
        return f"{value:,}".replace(",", THIN)

    def many(self, number: int, what: str) -> str:
        """1 board, 3 boards, 12 400 readings; French uses the singular for 0 too."""
        singular, plural = COUNTED[what][self._column]
        single = number == 1 or (number == 0 and self.language == "fr")
        return f"{self.count(number)} {singular if single else plural}"

    def span(self, low: float, high: float, unit: str) -> str:
        """20.4 to 22.9 °C, or one value when both read the same."""
        first, last = self.number(low), self.number(high)
        text = first if first == last else self("to", low=first, high=last)
        return f"{text}{NBSP}{self.unit(unit)}"

    def value(self, value: float | None, unit: str, digits: int = 1) -> str:
        shown = "\N{EN DASH}" if value is None else self.number(value, digits)
        return f"{shown}{NBSP}{self.unit(unit)}"

    def all_of(self, names: Sequence[str]) -> str:
        """C001; C001 and C003; C001, C003 and C004."""
        if len(names) < 2:
            return "".join(names)
        return self("and", first=", ".join(names[:-1]), last=names[-1])

    def away(self, t: float, h: float) -> str:
        """How far a board is from the others of its site, in degC or %RH, whichever one would feel more."""
        warmth = self("away warmer" if t > 0 else "away colder", value=self.value(abs(t), "°C"))
        moisture = self("away moister" if h > 0 else "away drier", value=self.value(abs(h), "%RH"))
        return warmth if abs(t) * 3 >= abs(h) else moisture

    def percent(self, share: float) -> str:
        """A share (1 = all) in percent, with only as many digits as it needs to differ from 0."""
        digits = 0 if share >= 0.1 or share == 0 else 1 if share >= 0.001 else 3
        return f"{self.number(100 * share, digits)}{NBSP}%"

    def unit(self, unit: str) -> str:
        return f"%{NBSP}HR" if unit == "%RH" and self.language == "fr" else unit

    def seen(self, flags: int, most: int = 9) -> str:
        """What the detectors in `flags` saw; empty when none did. Unknown bits of newer boards are named."""
        kinds = [each.seen[self._column] for flag, each in FLAGS.items() if flags & flag]
        if unknown := flags & UNKNOWN & ~CLOUD_BITS:  # of `flags` some may be of a cloud verdict
            bits = ", ".join(str(bit) for bit in range(unknown.bit_length()) if unknown >> bit & 1)
            kinds.append(self("unknown detector", bits=bits))
        return ", ".join(kinds[:most])

    def detector(self, bit: int) -> str:
        """Its own name, for people who look it up."""
        return FLAGS[bit].called[self._column]

    def own_name(self, detector: DetectorRow) -> str:
        return detector.called[self._column]

    def set_to(self, detector: DetectorRow, times: float) -> str:
        """What a threshold of so many `times` means."""
        assert detector.set_to
        return detector.set_to[self._column].format(times=self.number(times, detector.digits))

    def detectors(self, names: Iterable[str]) -> str:
        """Detectors by the names that a model gives them."""
        bits = {each.name: each.flag for each in DETECTORS}
        return ", ".join(dict.fromkeys(self.detector(bits[name]) for name in names))

    def reason(self, why: str | None) -> str:
        if why is None:
            return self("no reason")
        return printable(REASONS.get(why, why) if self.language == "fr" else why)

    def duration(self, seconds: float) -> str:
        """In its one or two biggest units: 8 s, 4 min, 2 h 05 min, 3 d 4 h."""
        whole = max(0, int(seconds))
        day = "j" if self.language == "fr" else "d"
        if whole < 60:
            parts = [f"{whole}{NBSP}s"]
        elif whole < 3600:
            parts = [f"{whole // 60}{NBSP}min"]
        elif whole < 86400:
            minutes = whole % 3600 // 60
            parts = [f"{whole // 3600}{NBSP}h", f"{minutes:02}{NBSP}min" if minutes else ""]
        else:
            hours = whole % 86400 // 3600
            parts = [f"{whole // 86400}{NBSP}{day}", f"{hours}{NBSP}h" if hours else ""]
        return NBSP.join(part for part in parts if part)

    def period(self, seconds: float) -> str:
        """How often: 0.5 s, 10 s, 5 min."""
        if seconds >= 10 or seconds == round(seconds):
            return self.duration(round(seconds))
        return f"{self.number(seconds)}{NBSP}s"

    def clock(self, at: float, now: float) -> str:
        """A time as short as possible: today 12:04:07, else yesterday 12:04, or 3 Nov 12:04."""
        then, today = datetime.fromtimestamp(at, self.zone), datetime.fromtimestamp(now, self.zone)
        days = (today.date() - then.date()).days
        if days == 0:
            return then.strftime("%H:%M:%S")
        if days == 1:
            return f"{self('yesterday')} {then:%H:%M}"
        year = "" if then.year == today.year else f" {then.year}"
        return f"{self.day(at)}{year} {then:%H:%M}"

    def moment(self, at: float, now: float) -> str:
        """14:05 today, else 21 Nov, 14:05; it names UTC, but not the reader's own zone."""
        then, today = datetime.fromtimestamp(at, self.zone), datetime.fromtimestamp(now, self.zone)
        clock = then.strftime("%H:%M")
        if then.tzname() in ("UTC", None):
            clock += f"{NBSP}UTC"
        return clock if then.date() == today.date() else f"{self.day(at)}, {clock}"

    def day(self, at: float) -> str:
        then = datetime.fromtimestamp(at, self.zone)
        return f"{then.day}{NBSP}{_MONTHS[self._column][then.month - 1]}"
