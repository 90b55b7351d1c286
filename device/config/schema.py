"""The options of sensors and of the user's own limits; checked on the PC and again when the board starts."""

from ..chip.compat import const

# For each kind of sensor: option -> (default, least, most), whole numbers; None stands for "must be given".
_I2C = {"scl": (22, 0, 48), "sda": (21, 0, 48)}
SENSORS = {
    "simulated": {"seed": (1, 0, 1 << 30), "day_s": (86400, 240, 1 << 30)},
    "replay": {},
    "dht22": {"pin": (None, 0, 48)},
    "sht3x": dict(_I2C, address=(0x44, 0x44, 0x45)),
    "bme280": dict(_I2C, address=(0x76, 0x76, 0x77)),
}
SLOWEST = {"dht22": 2000, "sht3x": 50, "bme280": 50}  # milliseconds between two reads, at least
SLEEP_MS = const(5000)  # a board that sleeps takes a second or two to wake, and flushes each reading
OFFSETS = {"offset_t": (-20, 20), "offset_h": (-50, 50)}  # added to what it says: degC and %RH
LIMITS = {"t_min": (-40, 125), "t_max": (-40, 125), "h_min": (0, 100), "h_max": (0, 100)}
_EXAMPLE = const('write {"t_max": 8.0, "for_minutes": 10}')


def sensor(checker, options, period_ms):
    """`options` with its defaults; problems go to `checker.wrong(key, text)`, the cure in the text."""
    kind = options.get("kind") if isinstance(options, dict) else None
    if not isinstance(kind, str) or kind not in SENSORS:
        checker.wrong("sensor.kind", "is %r: use one of %s" % (kind, ", ".join(sorted(SENSORS))))
        return options
    known = SENSORS[kind]
    filled = {"kind": kind}
    for key in options:
        if key not in known and key not in OFFSETS and key != "kind" and (kind, key) != ("replay", "file"):
            names = ", ".join(sorted(known) + sorted(OFFSETS) + (["file"] if kind == "replay" else []))
            checker.wrong("sensor." + key, "is unknown: a %s takes %s" % (kind, names))
    if kind == "replay":
        filled["file"] = options.get("file")
        if not isinstance(filled["file"], str):
            checker.wrong("sensor.file", 'is missing: name it, such as "/readings.csv"')
    for key, (default, least, most) in known.items():
        value = filled[key] = options.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            wrong = "missing" if value is None else repr(value)
            checker.wrong("sensor." + key, "is %s: a whole number from %d to %d" % (wrong, least, most))
    for key, (least, most) in OFFSETS.items():
        value = options.get(key, 0)
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not least <= value <= most:
            checker.wrong("sensor." + key, "is %r: a number from %d to %d" % (value, least, most))
        elif value:
            filled[key] = round(value * 100)
    if isinstance(period_ms, int) and period_ms < SLOWEST.get(kind, 0):
        checker.wrong("period_ms", "is %d: a %s needs at least %d" % (period_ms, kind, SLOWEST[kind]))
    return filled


def sleep(checker, config):
    """`sleep` must be true or false, and fit the period and the sensor."""
    if config["sleep"] is False:
        return
    period_ms = config["period_ms"]
    if config["sleep"] is not True:
        checker.wrong("sleep", "is %r: write true or false" % (config["sleep"],))
    elif isinstance(period_ms, int) and period_ms < SLEEP_MS:
        checker.wrong("period_ms", "is %d: with sleep at least %d" % (period_ms, SLEEP_MS))
    elif isinstance(config["sensor"], dict) and config["sensor"].get("kind") == "replay":
        checker.wrong("sleep", "is true: a replay would begin anew each time")


def limits(checker, values, place="limits"):
    """The user's own limits as {"t_max": hundredths, …, "for_s": seconds}, or None.

    `severe` in them is a second stage, which has the same keys.
    """
    if values is None:
        return None
    if not isinstance(values, dict):
        checker.wrong(place, "is no object: " + _EXAMPLE)
        return None
    filled = {}
    for key, value in values.items():
        if key == "severe" and place == "limits":
            severe = limits(checker, value, "limits.severe")
            if severe:
                filled[key] = severe
            continue
        if key == "for_minutes":
            least, most = 0, 1440
        elif key in LIMITS:
            least, most = LIMITS[key]
        else:
            known = ", ".join(sorted(LIMITS) + ["for_minutes", "severe"])
            checker.wrong("%s.%s" % (place, key), "is unknown: known are " + known)
            continue
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not least <= value <= most:
            text = "is %r: a number from %d to %d" % (value, least, most)
            checker.wrong("%s.%s" % (place, key), text)
        elif key == "for_minutes":
            filled["for_s"] = round(value * 60)
        else:
            filled[key] = round(value * 100)
    for channel in ("t", "h"):
        low, high = filled.get(channel + "_min"), filled.get(channel + "_max")
        if low is not None and high is not None and low >= high:
            checker.wrong("%s.%s_min" % (place, channel), "is not below %s_max: exchange them" % channel)
    if not [key for key in filled if key in LIMITS] and not checker.problems:
        checker.wrong(place, "sets none: " + _EXAMPLE)
    return filled
