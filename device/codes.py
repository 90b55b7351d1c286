"""What travels: a board's topics, flag bits of a verdict, reasons of a failed read (docs/contract.md)."""

from .chip.compat import const

RANGE = const(1)
STUCK = const(2)
ZSCORE = const(4)
FOREST = const(8)
ENVELOPE = const(16)
JITTER = const(32)
DRIFT = const(64)
LIMIT = const(128)  # the user's own limits
SENSOR_ERROR = const(256)
WARMING_UP = const(512)
CLOCK_UNSET = const(1024)
EXCURSION = const(2048)  # longer beyond a level than this place ever was
# 4096 and 8192 are the cloud's own (cloud/contract)
RHYTHM = const(16384)  # outside the band of this half hour of the day

ABNORMAL = const(18943)  # any detector, or a failed read; warming up and an unset clock are not alarms

FEATURES = const(1)  # version of the eight numbers of a reading (judge/reading.py)

# Reasons of a failed read; the index is what flash keeps, the text is what the wire says. Append only.
WHY = const(
    (
        None,
        "no answer",
        "bad checksum",
        "not a number",
        "out of range",
        "starting up",
        "end of data",
        "driver error",
    )
)
NO_ANSWER = const(1)
BAD_CHECKSUM = const(2)
NOT_A_NUMBER = const(3)
OUT_OF_RANGE = const(4)
STARTING_UP = const(5)
END_OF_DATA = const(6)
DRIVER_ERROR = const(7)

TOPIC = const("vigie/1/%s/%s/%s")  # of a board: its site, its name, what it is about
