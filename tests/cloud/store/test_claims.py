"""Two boards that claim to be one are noticed, one board never is: whatever is lost, repeated, delayed."""

import random
import time
from pathlib import Path

from cloud.commands import audit
from cloud.read.reader import Reader
from cloud.settings import AlertSettings, FolderSettings, MailSettings
from cloud.store.claims import Claims
from cloud.watch.watch import Watch
from tests.cloud.conftest import entry

ONE, OTHER = "9f3a1c07", "00c0ffee"
MAIL = MailSettings(FolderSettings(Path("unused")), "vigie@example.org", ("a@example.org",))


def signs(*readings, claims=None):
    """What is seen in (stream, boot, seq), one a second."""
    claims = claims or Claims()
    answers = [claims.contradicts("demo/C001", *reading, 1000.0 + at) for at, reading in enumerate(readings)]
    return [sign for sign in answers if sign]


def test_an_older_boot_that_goes_on_after_a_newer_one_is_a_second_board():
    assert signs((ONE, 7, 100), (ONE, 8, 101), (ONE, 7, 101)) == ["boots"]
    assert signs((ONE, 7, 100), (ONE, 7, 130), (ONE, 8, 101)) == ["boots"]


def test_one_board_with_many_boots_is_never_two_in_whatever_order_its_messages_come():
    dice = random.Random(3)
    for _ in range(200):
        seq, sent = 0, []
        for boot in range(1, 6):
            for _ in range(dice.randrange(1, 30)):
                sent.append((ONE, boot, seq))
                seq += 1
        sent += dice.choices(sent, k=20)
        dice.shuffle(sent)
        assert signs(*sent) == []


def test_two_flashes_that_send_in_turn_are_two_boards_and_a_new_flash_is_not():
    turns = [((ONE, 7, n), (OTHER, 1, n)) for n in range(10)]
    assert "streams" in signs(*(each for pair in turns for each in pair))
    assert signs(*((ONE, 7, n) for n in range(50)), *((OTHER, 1, n) for n in range(50))) == []
    # what the broker kept of the old one comes late, and again
    assert signs((ONE, 7, 1), (OTHER, 1, 0), (ONE, 7, 3), (ONE, 7, 2), (OTHER, 1, 1), (ONE, 7, 3)) == []


def watching(database, clock):
    watch = Watch(database, MAIL, AlertSettings(), clock=clock)
    assert watch.lease.hold()
    return watch


def test_a_seq_with_two_values_raises_one_alarm_that_ends_a_day_after_its_last_sign(store, database):
    moment = [time.time()]
    store.clock = lambda: moment[0]
    watch = watching(database, lambda: moment[0])
    store.write([entry(seq, t=2000) for seq in range(5)])
    store.write([entry(seq, t=3000) for seq in range(5)])
    assert watch.step() == (False, 1)
    for seq in range(5, 40):  # it goes on for hours: no second mail
        moment[0] += 700
        store.write([entry(seq, t=2000)])
        store.write([entry(seq, t=3000)])
        assert watch.step()[1] == 0 or database["alerts"].count_documents({"kind": "opening"}) == 1
    (episode,) = [each for each in Reader(database).episodes() if each.kind == "claim"]
    assert (episode.severity, episode.why, episode.closed) == ("severe", "seqs", None)
    (alert,) = database["alerts"].find({"kind": "opening"})
    assert alert["subject"] == "two boards claim to be C001"
    moment[0] += 86400
    watch.step()
    (episode,) = [each for each in Reader(database).episodes() if each.kind == "claim"]
    assert episode.closed is not None


def test_the_alarm_is_in_french_too_and_says_what_to_do(store, database):
    from cloud.alerts import letters, page
    from cloud.alerts.letters import LetterContext, Matter
    from cloud.alerts.links import Links
    from cloud.alerts.mail_writer import episode_of
    from cloud.alerts.policy import Letter
    from cloud.words import Words

    watch = watching(database, time.time)
    store.write([entry(1, t=2000), entry(1, t=3000)])
    watch.step()
    episode = episode_of(database["episodes"].find_one())
    letter = Letter("opening", "severe", (episode.id,))
    for language, subject, cure in (
        ("en", "two boards claim to be C001", "Switch one of them off"),
        ("fr", "deux cartes disent être C001", "Éteignez l'une d'elles"),
    ):
        context = LetterContext(Words(language), Links(b"k" * 32, None), AlertSettings())
        made = letters.page(Matter(letter, "1", time.time()), [episode], context)
        assert made.subject == subject and cure in page.text(made)


def test_the_audit_names_conflicts_and_does_not_call_them_well(store, database):
    store.write([entry(seq) for seq in range(3)])
    store.write([entry(1, t=9999), entry(2, t=9999)])
    (audited,) = audit.audit(Reader(database))
    assert (audited.missing, audited.conflicts, audited.complete) == ([], [(1, 2)], False)
    assert "2 conflicting (1-2), none missing, 2 WITHOUT A CAUSE (1-2)" in audit.line(audited)
