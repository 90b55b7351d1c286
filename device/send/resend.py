"""What the cloud does not acknowledge is sent again. Functions of a Sender."""

from ..chip.compat import const
from ..outbox.journal import REFUSED
from .queue import RETRY_S, HOUR_S, Flight

_REFUSED = const(32)
_LONGEST_S = const(600)
_READS = const(2)  # refused, half a minute and a minute apart: it may have been a want of memory


def begin(sender, outbox, share_s):
    sender._outbox = outbox
    sender._share_s = share_s
    sender._live = outbox.boot_first  # everything from here on has never been sent
    sender._back = 0  # everything before this was sent or is acknowledged
    sender._flights = []
    sender.refused = {}  # seq the cloud does not take: when it is due again
    sender._urgent = -1
    sender._shared_at = -share_s  # the first message goes at once
    sender._acks = 0
    sender._acked_at = 0


def _sent_again(sender, flight, last, now):
    if last < flight.last:
        sender._flights.append(Flight(last + 1, flight.last, flight.live, now - RETRY_S, sender._acks))
        flight.last = last
    if flight.acks != sender._acks:
        flight.sends += 1  # only a cloud that acknowledges others can have refused this
    flight.acks = sender._acks
    flight.wait = min(2 * flight.wait, _LONGEST_S)
    flight.due = now + flight.wait


def unread(sender, first, last, now):
    """Flash did not give first..last: tried again later. True when it has been patient enough."""
    sender.sent(first, last, now)
    for flight in sender._flights:
        if flight.first == first:
            flight.reads += 1
            return flight.reads > _READS
    return True  # alone already, and refused by the cloud too


def _halve(sender, flight, now):
    """Find the reading that the cloud refuses: half by half, then once an hour alone."""
    sender._flights.remove(flight)
    if flight.first == flight.last:
        if len(sender.refused) >= _REFUSED:
            sender._outbox.give_up(min(sender.refused), REFUSED)
            sender.sweep()
        sender.refused[flight.first] = now + HOUR_S
        return
    middle = (flight.first + flight.last) // 2
    for first, last in ((flight.first, middle), (middle + 1, flight.last)):
        half = Flight(first, last, flight.live, now - RETRY_S, sender._acks)
        half.sends = 0
        sender._flights.append(half)
