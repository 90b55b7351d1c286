"""Waiting for what another process does."""

import time
from collections.abc import Callable

from tools.process.child import ToolFailed


def until(question: Callable[[], object], timeout: float, every: float = 0.05) -> bool:
    """Ask each `every` s until the answer is true; return whether it became true within `timeout` s."""
    deadline = time.monotonic() + timeout
    while not (answer := bool(question())) and time.monotonic() < deadline:
        time.sleep(every)
    return answer


def insist(question: Callable[[], object], timeout: float, trouble: str, every: float = 0.05) -> None:
    """Wait as `until` does. Raises ToolFailed with the text `trouble` when the answer stays false."""
    if not until(question, timeout, every):
        raise ToolFailed(trouble)
