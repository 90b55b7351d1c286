"""What runs beside us until we end it."""

from __future__ import annotations

from typing import Self


class Part:
    """Runs from `start` to `stop`, or as long as a `with` lasts."""

    def start(self) -> object:
        """Returns when it can be used."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it; nothing happens when it does not run."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
