"""Killed while it hands a mail over, the backend never sends that mail again; `make prove` kills 50 times."""

from tools.proofs.mails import kill_while_sending


def test_no_mail_goes_out_twice_however_often_the_backend_is_killed():
    found = kill_while_sending(3, lambda text: None)
    assert (found.twice, found.never) == (0, 0)
    assert found.kills == 3 and found.mails >= 10 and found.unknown >= 1
