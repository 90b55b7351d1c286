"""The user's own limits: a cold room is about "above 8 degC for 10 minutes"; no statistics replace that."""

from ..codes import LIMIT
from ..chip.compat import const

_FAR = const(1 << 20)


class Bounds:
    """`limits`: hundredths, `t_min`, `t_max`, `h_min`, `h_max`, each optional, and `for_s` seconds.

    `severe`, where there is one, is a second stage of the same kind: either may be the first to speak.
    """

    def __init__(self, limits):
        self._t_min = limits.get("t_min", -_FAR)
        self._t_max = limits.get("t_max", _FAR)
        self._h_min = limits.get("h_min", -_FAR)
        self._h_max = limits.get("h_max", _FAR)
        self._for_s = limits.get("for_s", 0)
        self.since = -1  # uptime of the first reading outside; a failed read neither begins nor ends it
        severe = limits.get("severe")
        self.severe = Bounds(severe) if severe else None

    def flags(self, t, h, up):
        """LIMIT when readings (hundredths) have been outside for so long at second `up`, else 0."""
        severe = self.severe.flags(t, h, up) if self.severe else 0
        if self._t_min <= t <= self._t_max and self._h_min <= h <= self._h_max:
            self.since = -1
            return severe
        if self.since < 0:
            self.since = up
        return LIMIT if up - self.since >= self._for_s else severe
