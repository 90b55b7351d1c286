"""Parameters of the detectors: the PARM section of a model, or safe defaults when there is none.

PARM is little-endian int32: the `FIELDS` in order, then the 8 means and 36 weights of device/envelope.py.
In layout 1 the last field is missing and the rates were limits of runs: defaults stand for them, and what was
not watched still is not.
The cloud writes it (cloud/training/params.py); temperatures and humidities are hundredths.
"""

from array import array

from ..chip.compat import const
from .stuck import ALWAYS, LONGEST

LAYOUT = const(2)
FIELDS = (
    "layout",
    "period_ms",  # of the history the numbers came from
    "t_low", "t_high", "h_low", "h_high",
    "rate_t", "rate_h", "rate_both",  # how often a value repeats the one before, 1/65536 (stuck.py)
    "zscore",  # threshold: squared Z
    "coupling", "t_ref",  # device/moisture.py
    "step_t", "step_m",  # sum of 16 typical steps, eighths of a hundredth
    "jump",
    "jitter",
    "drift_spread",
    "drift",
    "envelope",
    "stuck",  # threshold: 1/16 bit
)  # fmt: skip
NEVER = const(0x3FFFFFFF)
# No history yet: only what is safe for any room. The sensor's own limits, Z = 12, jumps 15 times what a
# restless sensor does, repeats that are a surprise of 60 bits; nothing that needs the absolute level or the
# rhythm of the day.
DEFAULTS = (
    LAYOUT, 0, -4000, 8000, 50, 10000, 32768, 32768, 16384, 144, 1887, 2200, 480, 1600, 1000000, 640,
    8000, NEVER, NEVER, 960,
)  # fmt: skip
MEANS = const(8)
WEIGHTS = const(36)


class Params:
    """One attribute for each of `FIELDS`; `means` and `weights` are None without a model."""

    constant = True  # a snapshot leaves it out

    def __init__(self, body=None):
        """`body`: the bytes of a PARM section. Raises ValueError when it is not one this firmware reads."""
        self.means = self.weights = None
        values = DEFAULTS
        if body is not None:
            values = array("i", body[: len(body) // 4 * 4])
            fields = len(FIELDS) - (values[0] == 1 if values else 0)
            if len(body) != 4 * (fields + MEANS + WEIGHTS):
                raise ValueError("PARM has %d bytes: train the model again for this firmware" % len(body))
            if not 1 <= values[0] <= LAYOUT:
                raise ValueError("PARM layout %d is not %d: update the board" % (values[0], LAYOUT))
            self.means = values[fields : fields + MEANS]
            self.weights = values[fields + MEANS :]
            if values[0] == 1:
                old = values[:fields]
                values = array("i", DEFAULTS)
                for index in range(fields):
                    if FIELDS[index][:5] != "rate_":
                        values[index] = old[index]
                    elif old[index] >= LONGEST:
                        values[index] = ALWAYS
        for index in range(len(FIELDS)):
            setattr(self, FIELDS[index], values[index])
