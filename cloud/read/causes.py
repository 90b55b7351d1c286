"""What a person can answer when asked what an episode was.

An answer is a document in `labels`. Older ones have only the `label`: "real" or "false".
"""

from typing import Literal, get_args

from cloud.process.printable import printable
from cloud.store.database import Document

Cause = Literal["door", "defrost", "loading", "cleaning", "moved", "fault", "unknown"]
CAUSES: tuple[Cause, ...] = get_args(Cause)
NOTE = 200  # characters


def label_of(cause: Cause) -> str:
    """`fault` is "real"; `unknown` is neither; all others are harmless, so the alarm was "false"."""
    return {"fault": "real", "unknown": "unknown"}.get(cause, "false")


def answer(cause: Cause, note: str) -> Document:
    """What a document in `labels` says; `note` is a line of the person's own."""
    document: Document = {"label": label_of(cause), "cause": cause}
    if note := printable(note.strip())[:NOTE]:
        document["note"] = note
    return document
