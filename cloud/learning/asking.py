"""The mail that asks whether a board may have its next model (AUTO_MODEL=ask)."""

from cloud.alerts.courier import Post
from cloud.alerts.policy import Letter, NextModel
from cloud.store.database import Board, Document


def ask(post: Post, board: Board, known: Document) -> str:
    """Ask whether the board may have the model in `known`, its document in `learning`. The alert's id."""
    result = known["result"]
    asked = NextModel(
        *board,
        model=known["model"],
        first=known["base"] is None,
        days=result["days"],
        mails_before=result["mails_before"],
        mails=result["mails"],
        raised=tuple(known["raised"]),
    )
    subject = post.words("subject model", device=asked.device)
    return post(f"{'-'.join(board)}-{asked.model}", Letter("model", "warning", (), next=asked), subject)
