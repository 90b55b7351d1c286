"""A failure of the link: counted, told in words, and what to do. Imported when there is one."""

import os

from .backoff import RADIO, RESET, delay_ms, rung
from .trouble import name, silent
from .words import explain


def answer(ladder, stage, error, broker, detail):
    """(milliseconds to rest, whether the radio was switched off); may reset the board."""
    ladder.count(name(stage, error))
    ladder.tell(explain(stage, error, broker, detail))
    if silent(stage, error):
        ladder.silent += 1
    else:
        ladder.heard()
    cure = rung(ladder.silent, ladder.clock.uptime() - ladder.heard_s, ladder.patience_s)
    if cure == RADIO:
        ladder.count("radio off")
        ladder.board.wifi_off()
    elif cure == RESET:
        ladder.heard()
        ladder.board.reset("link: " + ladder.last_error)
    return delay_ms(ladder.failures, int.from_bytes(os.urandom(3), "big")), cure == RADIO
