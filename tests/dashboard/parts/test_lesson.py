"""What the page of models says of answers: what they change, and later what they did."""

import pytest

from cloud.dashboard.parts.lesson import REASONS, sentences
from cloud.words import LANGUAGES, Words, plain

NOW = 1_800_000_000.0
RESULT = {
    "days": 30.0, "mails_before": 9, "mails": 2, "recall": 58, "faults": 60, "harmless": 3, "reasons": [],
}  # fmt: skip
KNOWN = {"base": "00000001", "model": "8b7da160", "raised": ["jump", "excursion"], "result": RESULT}


def written(language="en", mails=0, **known):
    return plain(" ".join(sentences(Words(language), {**KNOWN, **known}, mails, NOW)))


def test_what_three_answers_did_is_told_in_mails_a_week():
    lesson = {"answers": 3, "since": NOW - 14 * 86400, "mails": 16, "days": 28.0}
    assert written(state="meant", lesson=lesson, mails=2).endswith(
        "Since your 3 answers: 4 mails a week → 1."
    )
    early = {**lesson, "since": NOW - 3600}
    assert "Since" not in written(state="meant", lesson=early, mails=2)


def test_what_a_next_model_does_is_told_before_the_board_has_it():
    text = written(state="ready")
    assert text == (
        "Raised: Z-score, Excursion. On the last 30.0 days, judged again: 9 mails → 2; 58 of 60 faults that "
        "were put in are found. It now judges beside the present one for a day, before the board gets it."
    )
    assert "mail asks" in written(state="ready", alert="x")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_has_words(language):
    for reason in REASONS:
        assert written(language, state="refused", result={**RESULT, "reasons": [reason]})
    for state in ("kept", "refused", "ready", "meant"):
        assert "{" not in written(language, state=state) + written(language, state=state, base=None)
    assert sentences(Words(language), {}, 0, NOW) == []
