"""Why a recording cannot be read."""

from typing import Self


class RecordingRefused(ValueError):
    """`str()` says what is wrong, with the cure; those of `cloud.recording.read` name file and line first."""

    def __init__(self, text: str, line: int | None = None) -> None:
        super().__init__(text)
        self._line = line

    def of(self, file: object) -> Self:
        """The same error, which names its place."""
        return type(self)(f"{file}{'' if self._line is None else f':{self._line}'}: {self}")
