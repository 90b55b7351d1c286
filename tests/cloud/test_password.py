"""The dashboard's password: what is kept of it, and the command that makes it."""

import io

import pytest

from cloud import __main__ as command
from cloud import password, settings
from cloud.settings.environment import SettingsError


def test_only_the_right_password_matches_its_hash():
    kept = password.hashed("correct horse battery")
    assert password.matches("correct horse battery", kept)
    for wrong in ("", "correct horse batterY", "correct horse battery ", kept):
        assert not password.matches(wrong, kept)


def test_two_hashes_of_one_password_differ_and_hold_nothing_of_it():
    first, second = password.hashed("correct horse battery"), password.hashed("correct horse battery")
    assert first != second and "horse" not in first
    assert not set(first) & set("$`\"'\\# ${}")  # nothing that a shell, a .env file or TOML would change


@pytest.mark.parametrize("kept", ["", "x", "scrypt:30:8:1:a:b", "scrypt:15:8:1:" + "a" * 22 + ":" + "b" * 42])
def test_what_is_no_hash_is_refused_and_never_shown(kept):
    with pytest.raises(ValueError, match="not a hash"):
        password.matches("anything", kept)
    if kept:
        with pytest.raises(SettingsError) as refused:
            settings.read(settings.access, {"DASHBOARD_PASSWORD_HASH": kept})
        assert "python -m cloud password" in str(refused.value)
        assert len(kept) < 5 or kept not in str(refused.value)


def test_the_command_prints_a_line_for_the_settings(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    assert command.main(["password"]) == 0
    name, _, kept = capsys.readouterr().out.strip().partition("=")
    assert name == "DASHBOARD_PASSWORD_HASH" and password.matches("correct horse battery", kept)
    assert settings.read(settings.access, {name: kept}).password_hash == kept


def test_a_short_password_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert command.main(["password"]) == 2
    streams = capsys.readouterr()
    assert "10 characters" in streams.err and not streams.out


def test_ctrl_c_at_the_question_ends_it_without_a_traceback(monkeypatch):
    def interrupted(prompt):
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", interrupted)
    assert command.main(["password"]) == 130


def test_people_are_compared_in_small_letters():
    assert settings.read(settings.access, {"DASHBOARD_PEOPLE": "A@Example.org, b@example.org"}).people == (
        "a@example.org",
        "b@example.org",
    )
