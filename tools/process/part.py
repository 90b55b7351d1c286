"""What runs beside us until we end it."""

from abc import ABC, abstractmethod
from typing import Self


class Part(ABC):
    """Runs from `start` to `stop`, or as long as a `with` lasts."""

    @abstractmethod
    def start(self) -> object:
        """Returns when it can be used."""

    @abstractmethod
    def stop(self) -> None:
        """End it; nothing happens when it does not run."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
