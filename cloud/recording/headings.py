"""What the name of a column means: time, temperature, humidity or device, and in which unit."""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Each list: the better name first.
TIMES = _list(
    "ts unix unixtime epoch timestamp datetime date time created last recorded received measured "
    "observed sampled zeitstempel zeitpunkt datum zeit uhrzeit horodatage heure jour fecha hora data "
    "ora tijdstip tijd tid dato start "
    "日時 时间 時間 日期 时刻 時刻 время дата"
)
DAYS = _list("date datum fecha data jour dato day tag")
CLOCKS = _list("time zeit uhrzeit heure hora ora tijd tid hour")
TEMPERATURES = _list(
    "t temp temperature temperatur temperatura temperatuur tmp tc tf tempc tempf celsius fahrenheit "
    "kelvin teplota 温度 溫度 室温 температура"
)
HUMIDITIES = _list(
    "h rh hum humidity humid humi relhum humidite humedad umidita umidade feuchte feuchtigkeit "
    "luftfeuchte luftfeuchtigkeit luchtvochtigheid vochtigheid hr rf hygrometry hygrometrie fuktighet "
    "luftfuktighet luftfugtighed vlhkost wilgotnosc 湿度 濕度 相对湿度 相対湿度 влажность"
)
DEVICES = _list(
    "device deviceid entity sensor sensorid mote moteid node nodeid station mac location room raum "
    "zone place ort gerat geraet piece host name serial"
)
# Words that may stand beside the decisive one and change nothing.
PLAIN = _list(
    "relative rel air ambient indoor inside room sensor value reading deg degree degrees calibrated "
    "measured current mean average avg in the of c f k celsius fahrenheit kelvin percent rh pct utc "
    "gmt local at changed updated date time stamp id"
)
# Words that make it something else.
OTHER = set(
    _list(
        "dew dewpoint taupunkt rosee feels feel apparent heat index hic set setpoint target min max "
        "minimum maximum low high std alarm alert battery cpu chip board absolute abs ah vpd bulb "
        "pressure status unit duration difference delta soil uptime zone wind"
    )
)
NOT_TIMES = {"uptime", "duration", "zone", "difference", "delta"}
# A letter alone is a unit in brackets, after a word for temperature, or at the end: not in "K. temperature".
UNITS = {
    letter.upper(): re.compile(
        rf"°\s*{letter}|{word}|\bdeg\s*{letter}\b|[(\[]\s*{letter}\s*[)\]]"
        rf"|\bt(?:emp\w*)?\W+{letter}\b|\b{letter}\W*$"
    )
    for letter, word in (("c", "celsius"), ("f", "fahrenheit"), ("k", "kelvin"))
}


@cache
def plain(name: str) -> str:
    """Small letters without accents; ℉ is °F."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.replace("º", "°"))
    decomposed = unicodedata.normalize("NFKD", apart.replace("_", " "))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold().strip()


def words(name: str) -> list[str]:
    return re.findall(r"[^\W\d_]+|\d+", plain(name))


def unit(name: str) -> set[str]:
    """The units of temperature that a name has: C, F, K."""
    text = plain(name)
    units = {key for key, pattern in UNITS.items() if pattern.search(text)}
    return units | {word[-1].upper() for word in words(name) if word in ("tempc", "tempf", "tc", "tf")}


@cache
def rank(name: str, kind: tuple[str, ...]) -> int | None:
    """How well a name fits `kind`, 0 = best; None = not at all."""
    if plain(name) == kind[0]:
        return 0
    bare = re.sub(r"\([^)]*\)|\[[^]]*\]", " ", name)
    parts = words(bare) or words(name)
    if not parts or set(parts) & OTHER:
        return None
    if all(word in kind or word in PLAIN for word in parts) and any(word in kind for word in parts):
        return 1
    if any(word in kind[1:] for word in parts):
        return 2
    long = [word for word in kind if len(word) >= 4]
    if any(word.endswith(tuple(long)) for word in parts):
        return 3
    if len(parts) == 2 and parts[0] in kind and parts[1].isdigit():
        return 4
    return None


def best(names: Sequence[str], kind: tuple[str, ...]) -> list[int]:
    """Places of the names that fit `kind` best; several when they fit equally well."""
    ranks = [rank(name, kind) for name in names]
    known = [each for each in ranks if each is not None]
    return [place for place, each in enumerate(ranks) if each is not None and each == min(known)]


def times(names: Sequence[str]) -> list[int]:
    """Places of the names that mean a time, the best first."""
    ranked = []
    for place, name in enumerate(names):
        each = words(name)
        if each and each[0] in TIMES and not set(each) & NOT_TIMES:
            ranked.append((TIMES.index(each[0]), "utc" not in each and "gmt" not in each, place))
    return [place for _, _, place in sorted(ranked)]


def devices(names: Sequence[str]) -> list[int]:
    """Places of the names that may tell devices apart."""
    return [place for place, name in enumerate(names) if rank(name, DEVICES) in (0, 1)]
