"""Two boards under one name: a flash was copied, or a replaced board was plugged in again.

A single board can do neither of these, whatever is lost, repeated or delayed on the way:
- in one stream, a later boot has higher seqs than every earlier one, since `seq` counts up over all boots;
- a new flash begins a new stream and the old one falls silent, so a board does not go back and forth.

A seq that comes twice with different sensor values is the third sign; cloud.store.writer detects that itself.
"""

from dataclasses import dataclass, field
from typing import Literal

Sign = Literal["seqs", "boots", "streams"]  # what showed that there are two boards

RETURNS = 3  # this many returns to a stream that the board had left ...
WITHIN = 86400.0  # ... within these seconds cannot be late messages
BOARDS = 20_000  # boards that a worker remembers
STREAMS = 4  # streams that it remembers of each board


@dataclass
class _Stream:
    """The newest boot seen of a stream, and the lowest and the highest of its seqs."""

    boot: int
    low: int
    high: int


@dataclass
class _SeenBoard:
    current: str = ""
    streams: dict[str, _Stream] = field(default_factory=dict)
    returns: list[float] = field(default_factory=list)  # when it went back to a stream that it had left


class Claims:
    """What one worker saw of each board lately. It may forget: two boards go on contradicting each other."""

    def __init__(self) -> None:
        self._boards: dict[str, _SeenBoard] = {}

    def contradicts(self, board: str, stream: str, boot: int, seq: int, now: float) -> Sign | None:
        """Take note of a newly stored reading. Returns the sign that another board sent it; None = no sign.

        `now` in Unix seconds; `boot` and `seq` as in the contract.
        """
        if len(self._boards) > BOARDS:
            self._boards.clear()
        known = self._boards.setdefault(board, _SeenBoard())
        place = known.streams.get(stream)
        goes_on = place is not None and seq > place.high
        sign: Sign | None = None
        if place is None:
            if len(known.streams) >= STREAMS:
                known.streams.clear()
            known.streams[stream] = _Stream(boot, seq, seq)
        elif boot == place.boot:
            place.low, place.high = min(place.low, seq), max(place.high, seq)
        elif boot > place.boot:
            sign = "boots" if seq <= place.high else None
            known.streams[stream] = _Stream(boot, seq, seq)
        elif seq >= place.low:
            sign = "boots"
        if known.current not in (stream, ""):
            if goes_on:
                known.returns = [at for at in known.returns if now - at < WITHIN] + [now]
            if len(known.returns) >= RETURNS:
                known.returns.clear()
                sign = sign or "streams"
        if goes_on or place is None or not known.current:
            known.current = stream
        return sign
