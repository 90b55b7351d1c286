"""Why a recording cannot be read."""


class RecordingRefused(ValueError):
    """`str()` names the file, the line if there is one, and the cure."""
