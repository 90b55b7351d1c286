"""Sensors: `read(out)` puts hundredths of degC and %RH into `out`, an array('h', [t, h]).

It returns 0 or the reason of a failed read (codes.WHY) and does not raise for ordinary failures.
"""


def open(options, clock):
    """The sensor that `options` (the configuration's "sensor") names; ValueError says what is wrong."""
    kind = options.get("kind")
    if kind == "simulated":
        from .simulated import Simulated

        return Simulated(clock, options.get("seed", 1), options.get("day_s", 86400))
    if kind == "replay":
        if "file" not in options:
            raise ValueError('sensor.file is missing: add "file": "/readings.csv"')
        from .replay import Replay

        return Replay(options["file"])
    raise ValueError("sensor.kind is %r: use simulated or replay" % (kind,))
