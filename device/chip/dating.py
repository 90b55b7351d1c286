"""Which dates a Clock believes. Functions of a Clock, needed when NTP answers."""

from .compat import const

_2024 = const(757382400)
_2100 = const(3155760000)
_WINDOW_S = const(2332800)  # 27 days: a board may have been off for so long; a wrong month is longer
_SURE_S = const(600)  # a date later than that is believed when nothing else is heard for ten minutes,
_DAY_S = const(86400)  # one before the last known date, or one that contradicts it, after a day
_JUMP_S = const(3)  # an answer may be off by this much, plus _PPM of the time since the last one
_PPM = const(200)  # worst crystal of an ESP32 in the cold, with room to spare
_CONFIRM = const(3)  # so many answers that agree with each other beat what we believed


def begin(clock, source=None):
    if source is None:
        import time as source
    clock._source = source
    clock._last = source.ticks_ms()
    clock._ms = 0
    clock._s = 0
    clock._up = 0  # uptime and date of the last answer that was believed
    clock._sec = None
    clock._doubt = 0  # answers in a row that contradict what we believe, and the first of them
    clock._doubt_sec = 0
    clock._doubt_up = 0
    clock.floor = 0  # the last date known from before this boot: time does not run backwards past it
    clock.wild = False  # the date that is believed lies before `floor`, or too far after it
    clock.slack = 0  # seconds that deep sleep may have added to or taken from uptime since the last answer
    clock.refused = 0  # implausible dates that were not believed


def set(clock, sec):
    """Believe the date `sec` (seconds since 2000), or doubt it. True when it was taken.

    Refused and counted: a date before 2024 or after 2100; a jump that no crystal explains, until three
    answers in a row agree; a date before the last one that this board knows, or weeks after it, until
    nothing else has been heard for ten minutes (later dates) or a day (earlier ones).
    """
    clock.tick()
    floor = clock.floor
    inside = not floor or floor - _DAY_S <= sec <= floor + _WINDOW_S + clock._s
    if clock._sec is None or clock.wild:
        goes_on = (inside and sec >= floor - _JUMP_S) or _goes_on(clock, sec)
    else:
        goes_on = _goes_on(clock, sec)
    if not _2024 <= sec < _2100 or not (goes_on or _confirmed(clock, sec, inside)):
        clock.refused += 1
        return False
    clock._doubt = 0
    clock.wild = not inside and clock._s - clock._doubt_up < _DAY_S  # a date that NTP gives for a day is sure
    clock._sec = sec
    clock._up = clock._s
    clock.slack = 0
    return True


def _goes_on(clock, sec):
    """Whether `sec` follows from the date that is believed, as closely as the crystal runs."""
    if clock._sec is None:
        return False
    away = _JUMP_S + clock.slack + (clock._s - clock._up) * _PPM // 1000000
    return abs(sec - clock.now()) <= away


def _confirmed(clock, sec, inside):
    """NTP has given the same date often enough, or for long enough."""
    away = _JUMP_S + clock.slack
    if clock._doubt and abs(sec - clock._doubt_sec - (clock._s - clock._doubt_up)) <= away:
        clock._doubt += 1
    else:
        clock._doubt = 1
        clock._doubt_sec = sec
        clock._doubt_up = clock._s
    if inside:
        return clock._doubt >= _CONFIRM
    soon = sec > clock.floor and (clock._sec is None or clock.wild)
    return clock._s - clock._doubt_up >= (_SURE_S if soon else _DAY_S)


def doubted(clock, sec):
    """Why set() has just refused `sec`, in words; None if the console has already said so."""
    if not _2024 <= sec < _2100:
        return "NTP answer refused: no such date"
    if clock._doubt > 1:
        return None
    off = sec - (clock.now() or clock.floor)
    text = "NTP says a date %d days %s what this board knows: doubted, %s; are the time servers right?"
    then = "it keeps its own" if clock.is_set() else "readings go undated"
    return text % (abs(off) // _DAY_S, "before" if off < 0 else "after", then)
