"""What a person finds at the prompt after Ctrl-C. Imports nothing that may be what is broken."""

import os
import sys


def names():
    """The console's functions where Vigie was stopped, else nothing, for the prompt's namespace."""
    try:
        os.remove("/starts")  # a start that a person ends has not failed, however young
    except OSError:
        pass  # none was counted
    print("Stopped; a running watchdog resets in an hour. Ctrl-D starts again")
    app = sys.modules.get("device.app")
    if not (app and app.stopped):
        return {}
    from .console import HELP, Console

    print(HELP)
    return Console(app.stopped).names()
