"""The console: one line for each thing that happened, `12:04:07 link   connected to broker:8883`.

The time is UTC; before the clock is set it is the uptime, `+00:12`. `!` marks a warning, `E` an error that
needs a person.
"""

clock = None  # set once by the application; without it lines carry no time
last_error = None  # the newest error's text, for `state`


def info(area, text):
    """Something happened as it should."""
    _line(" ", area, text)


def warn(area, text):
    """Something failed that Vigie itself tries again."""
    _line("!", area, text)


def error(area, text):
    """Something failed that needs a person; `text` says the cure. Goes into `state` too."""
    global last_error
    last_error = "%s: %s" % (area, text)
    _line("E", area, text)


def _line(mark, area, text):
    print("%s %s %-6s %s" % (_stamp(), mark, area, text))


def _stamp():
    if clock is None:
        return "        "
    now = clock.now()
    if now is not None:
        return "%02d:%02d:%02d" % (now // 3600 % 24, now // 60 % 60, now % 60)
    up = clock.uptime()
    return "%8s" % ("+%02d:%02d" % (up // 60, up % 60))
