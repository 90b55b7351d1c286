"""Parameters of the detectors: the PARM section of a model, or safe defaults when there is none.

PARM is little-endian int32: the `FIELDS` in order, then the 8 means and 36 weights of envelope.py.
Each layout has one field more than the one before, at the end; an older model has the defaults of those that
it lacks. In layout 1 the rates were limits of runs: defaults stand for them, and what was not watched is not
watched now.
The cloud writes it (cloud/training/params.py); temperatures and humidities are hundredths.
"""

from array import array

from ..chip.compat import const
from ..chip.lazy import borrow
from .stuck import ALWAYS, LONGEST

FIELDS = (
    "layout",
    "period_ms",  # of the history the numbers came from
    "t_low", "t_high", "h_low", "h_high",
    "rate_t", "rate_h", "rate_both",  # how often a value repeats the one before, 1/65536 (stuck.py)
    "zscore",  # thresholds have the names of table.py, where their defaults are
    "coupling", "t_ref",  # of moisture (reading.py)
    "step_t", "step_m",  # sum of 16 typical steps, eighths of a hundredth
    "jump",
    "jitter",
    "drift_spread",
    "drift",
    "envelope",
    "stuck",
    "restless_am", "restless_pm",  # a bit for each half hour (UTC) that often jumps (jump.py)
    "restless_shift",  # there a jump counts 1/2^this
)  # fmt: skip
# No history yet: only what is safe for any room. The sensor's own limits, Z = 12, jumps 15 times what a
# restless sensor does, repeats that are a surprise of 60 bits; nothing that needs the absolute level or the
# rhythm of the day.
DEFAULTS = [
    0, 0, -4000, 8000, 50, 10000, 32768, 32768, 16384, 0, 1887, 2200, 480, 1600, 0, 0, 8000, 0, 0, 0, 0, 0, 0,
]  # fmt: skip
for _name, _, _default, _ in borrow("judge.table").DETECTORS:
    if _default is not None:
        if _name not in FIELDS:
            FIELDS += (_name,)
            DEFAULTS.append(0)
        DEFAULTS[FIELDS.index(_name)] = _default
LAYOUT = DEFAULTS[0] = len(FIELDS) - 18
NEVER = const(0x3FFFFFFF)
MEANS = const(8)
WEIGHTS = const(36)


class Params:
    """One attribute for each of `FIELDS`; `means` and `weights` are None without a model.

    Detectors take the numbers out: whoever kept the object would keep this file in RAM.
    """

    def __init__(self, body=None):
        """`body`: the bytes of a PARM section. Raises ValueError when it is not one this firmware reads."""
        self.means = self.weights = None
        values = DEFAULTS
        if body is not None:
            given = array("i", body[: len(body) // 4 * 4])
            layout = given[0] if given else 0
            if not 1 <= layout <= LAYOUT:
                raise ValueError("PARM layout %d is not %d: update the board" % (layout, LAYOUT))
            fields = len(FIELDS) - LAYOUT + layout
            if len(body) != 4 * (fields + MEANS + WEIGHTS):
                raise ValueError("PARM has %d bytes: train the model again for this firmware" % len(body))
            self.means = given[fields : fields + MEANS]
            self.weights = given[fields + MEANS :]
            values = list(DEFAULTS)
            for index in range(fields):
                if layout > 1 or FIELDS[index][:5] != "rate_":
                    values[index] = given[index]
                elif given[index] >= LONGEST:
                    values[index] = ALWAYS
        for index in range(len(FIELDS)):
            setattr(self, FIELDS[index], values[index])
