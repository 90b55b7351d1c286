"""What is on its way: noted, acknowledged, or sent again. Functions of a Sender."""

from ..chip.compat import const
from ..outbox.journal import REFUSED
from .queue import RETRY_S, HOUR_S, Flight

_REFUSED = const(32)
_LONGEST_S = const(600)
_FLIGHTS = const(12)  # messages on their way
_SILENCE_S = const(120)  # when an ack comes after so long, the cloud is back
_READS = const(2)  # vain reads of flash, half a minute and a minute apart: memory may have been short


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


def sent(sender, first, last, now):
    """The records first..last that still wait have left the board."""
    if first in sender.refused:
        sender.refused[first] = now + HOUR_S
        return
    for flight in sender._flights:
        if flight.first == first:
            _sent_again(sender, flight, last, now)
            return
    live = first >= sender._live
    sender.skip(first, last)
    if live and last == sender._outbox.newest():
        sender._shared_at = now
    if len(sender._flights) >= _FLIGHTS:
        sender._back = min(sender._back, sender._flights.pop(0).first)
    sender._flights.append(Flight(first, last, live, now, sender._acks))


def acked(sender, first, last, now):
    """The cloud has first..last. Returns how many were new, -1 for nonsense."""
    news = sender._outbox.ack(first, last)
    if news < 0:
        return -1
    sender._acks += 1
    if now - sender._acked_at > _SILENCE_S:
        sender.again(now)
    sender._acked_at = now
    sweep(sender)
    return news


def sweep(sender):
    """Forget what no longer waits: acknowledged, dropped or damaged."""
    outbox = sender._outbox
    sender._flights = [f for f in sender._flights if 0 <= outbox.next_waiting(f.first) <= f.last]
    for seq in list(sender.refused):
        if outbox.next_waiting(seq) != seq:
            del sender.refused[seq]


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
    """Flash did not give first..last: it is read again later. True after enough vain tries."""
    sent(sender, first, last, now)
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
            sweep(sender)
        sender.refused[flight.first] = now + HOUR_S
        return
    middle = (flight.first + flight.last) // 2
    for first, last in ((flight.first, middle), (middle + 1, flight.last)):
        half = Flight(first, last, flight.live, now - RETRY_S, sender._acks)
        half.sends = 0
        sender._flights.append(half)
