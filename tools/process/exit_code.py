"""How each command ends: 0 = well, 1 = it failed, 2 = the arguments or settings are wrong, 130 = Ctrl-C."""

import sys
from collections.abc import Callable

from tools.process.child import ToolFailed, WrongUse


def exit_code(name: str, command: Callable[[], int]) -> int:
    """Run `command`; when it fails, print `name` and the reason to stderr."""
    try:
        return command()
    except ToolFailed as failed:
        print(f"{name}: {failed}", file=sys.stderr)
        return 2 if isinstance(failed, WrongUse) else 1
    except KeyboardInterrupt:
        return 130
