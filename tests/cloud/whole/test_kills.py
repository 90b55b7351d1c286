"""Killed while it hands a mail over, the backend never sends that mail again; `make prove` kills 50 times."""

from tools.proofs.mails import kill_while_sending


def test_no_mail_goes_out_twice_however_often_the_backend_is_killed():
    tally = kill_while_sending(3, lambda text: None)
    assert (tally.twice, tally.never) == (0, 0)
    assert tally.kills == 3 and tally.mails >= 10 and tally.unknown >= 1
