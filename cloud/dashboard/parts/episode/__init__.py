"""One episode on a page: its card, why it began, the sentence for its owner, and the answers."""
