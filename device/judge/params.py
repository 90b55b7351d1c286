"""Parameters of the detectors: the PARM section of a model, or safe defaults when there is none.

PARM is little-endian int32: the `FIELDS` in order, then the 8 means and 36 weights of device/envelope.py.
The cloud writes it (cloud/training/params.py); temperatures and humidities are hundredths.
"""

from array import array

from ..chip.lazy import seldom
from ..chip.compat import const

LAYOUT = const(1)
FIELDS = (
    "layout",
    "period_ms",  # of the history the numbers came from
    "t_low", "t_high", "h_low", "h_high",
    "run_t", "run_h", "run_both",  # longest normal runs, readings
    "zscore",  # threshold: squared Z
    "coupling", "t_ref",  # device/moisture.py
    "step_t", "step_m",  # sum of 16 typical steps, eighths of a hundredth
    "jump",
    "jitter",
    "drift_spread",
    "drift",
    "envelope",
)  # fmt: skip
NEVER = const(0x3FFFFFFF)
# No history yet: only what is safe for any room. The sensor's own limits, Z = 12, jumps 15 times what a
# restless sensor does; nothing that needs the absolute level or the rhythm of the day.
DEFAULTS = (
    LAYOUT, 0, -4000, 8000, 50, 10000, 120, 120, 60, 144, 1887, 2200, 480, 1600, 1000000, 640,
    8000, NEVER, NEVER,
)  # fmt: skip
MEANS = const(8)
WEIGHTS = const(36)


class Params:
    """One attribute for each of `FIELDS`; `means` and `weights` are None without a model."""

    constant = True  # a snapshot leaves it out

    @seldom
    def __init__(self, body=None):
        """`body`: the bytes of a PARM section. Raises ValueError when it is not one this firmware reads."""
        self.means = self.weights = None
        values = DEFAULTS
        if body is not None:
            if len(body) != 4 * (len(FIELDS) + MEANS + WEIGHTS):
                raise ValueError("PARM has %d bytes: train the model again for this firmware" % len(body))
            values = array("i", body)
            if values[0] != LAYOUT:
                raise ValueError("PARM layout %d is not %d: update the board" % (values[0], LAYOUT))
            self.means = values[len(FIELDS) : len(FIELDS) + MEANS]
            self.weights = values[len(FIELDS) + MEANS :]
        for index in range(len(FIELDS)):
            setattr(self, FIELDS[index], values[index])
