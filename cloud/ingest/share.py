"""What one board may send: a token bucket in front of the inbox for each board, sized by its period.

A board that measures every `period` seconds needs at most 1 / period messages a second, one for each reading.
It may send CATCH_UP times as many without end, and BURST at once: as many as gather in a day without a
network. The worker holds back what is beyond that: the board gets no ack for it, keeps it, and sends it
again.
"""

from typing import NamedTuple

CATCH_UP = 10  # times what its period needs
LEAST, MOST = 1.0, 20.0  # messages a second, whatever the period
BURST = 600.0  # messages of 16 readings: a day at 10 s is 540, all that a flash holds 1,088
USUAL_PERIOD = 10.0  # s, until a board's own is known
FLOOD = 3.0  # times the allowance: a healthy board stops this once it is held back
KEPT = 100_000  # boards that are remembered: made-up names must not fill the memory


def rate(period: float) -> float:
    """Messages a second that a board with this period (s) may send for good."""
    return min(max(CATCH_UP / max(period, 1e-3), LEAST), MOST)


class FloodReport(NamedTuple):
    """Since the last report, a board sent `times` its allowance; `held` messages were held back."""

    owner: str
    times: float
    held: int


class _TokenBucket:
    __slots__ = ("at", "came", "held", "left", "period")

    def __init__(self, now: float) -> None:
        self.period = USUAL_PERIOD
        self.left = BURST
        self.at = now
        self.came = self.held = 0  # since the last report


class Allowances:
    """The token buckets of all boards. Times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._accounts: dict[str, _TokenBucket] = {}
        self._reported = now

    def take(self, owner: str, now: float) -> bool:
        """Count one message; whether the board may send it now. `now`: monotonic seconds."""
        account = self._accounts.get(owner)
        if account is None:
            if len(self._accounts) >= KEPT:
                self._accounts.clear()
            account = self._accounts[owner] = _TokenBucket(now)
        account.came += 1
        account.left = min(account.left + (now - account.at) * rate(account.period), BURST)
        account.at = now
        if account.left < 1.0:
            return False
        account.left -= 1.0
        return True

    def hold_back(self, owner: str) -> None:
        """Count a message that was held back because the board had no allowance or no room left."""
        self._accounts[owner].held += 1

    def learn(self, owner: str, period: float) -> None:
        """Take note of the board's period (s)."""
        if (account := self._accounts.get(owner)) is not None:
            account.period = period

    def floods(self, now: float) -> list[FloodReport]:
        """The boards that sent far more than they may since the last call."""
        seconds, self._reported = max(now - self._reported, 1e-3), now
        floods = []
        for owner, account in self._accounts.items():
            allowed = rate(account.period) * seconds
            if account.held >= (FLOOD - 1) * allowed:
                floods.append(FloodReport(owner, account.came / allowed, account.held))
            account.came = account.held = 0
        return floods
