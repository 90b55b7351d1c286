"""Why a recording cannot be read."""


class Refused(ValueError):
    """The text names the file, the line where there is one, and the cure."""
