"""What mails say, in both languages; the links in them; the words of both."""

import base64
import json
import re
import string
import time

import msgspec
import pytest
from itsdangerous import TimestampSigner

from cloud.alerts import letters, links, page, sample_mail
from cloud.alerts.facts import Facts
from cloud.alerts.letters import LetterContext, Matter
from cloud.alerts.links import Links, Permission
from cloud.alerts.policy import Letter, Line, NextModel
from cloud.contract.messages import SIBLINGS
from cloud.detectors import FLAGS
from cloud.read.causes import CAUSES
from cloud.settings import AlertSettings, FolderSettings, MailSettings
from cloud.words import LANGUAGES, REASONS, TEXTS, Words, plain
from device import codes

NOW = 1_800_000_000.0
KEY = b"k" * 32
EPISODE, FACTS = sample_mail.example(NOW)


def made(kind="opening", language="en", episode=EPISODE, facts=FACTS, base="https://v.example.org", **more):
    context = LetterContext(Words(language, "Europe/Paris"), Links(KEY, base), AlertSettings())
    letter = Letter(kind, episode.severity, (episode.id,), **more)
    return letters.page(Matter(letter, "17-0-opening", NOW, facts), [episode], context)


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name and name != "nbsp"}


def test_both_languages_say_the_same_with_the_same_values():
    for name, texts in TEXTS.items():
        assert len(texts) == len(LANGUAGES) and all(texts), name
        assert fields(texts[0]) == fields(texts[1]), name


def test_every_detector_and_every_reason_has_words():
    assert sum(FLAGS) == codes.ABNORMAL | SIBLINGS
    assert set(REASONS) == {reason for reason in codes.WHY if reason}


def test_a_phone_shows_what_counts_first():
    letter = made()
    assert plain(letter.subject) == "fridge, severe: outside your limits, 11.0 °C (normally 4.6 to 5.6 °C)"
    assert plain(letter.preview).startswith(
        "11.0 °C (normally 4.6 to 5.6 °C). Cloud: agrees with the board on"
    )


def test_the_cloud_is_not_said_to_disagree_where_only_the_board_can_know():
    lonely = msgspec.structs.replace(EPISODE, edge_flags=codes.EXCURSION, cloud_flags=0, agreed=0)
    letter = made(episode=lonely)
    assert plain(letter.subject).startswith("fridge, severe: does not return to normal")
    assert ("Cloud", "only the board has a detector for this") in letter.rows


def test_french_is_french_throughout():
    letter = made(language="fr")
    text = plain(page.text(letter))
    assert plain(letter.subject) == "fridge, grave : hors de vos limites, 11,0 °C (normalement 4,6 à 5,6 °C)"
    assert "78,7 % HR" in text and "Je l'ai vu" in text and "d'accord avec la carte" in text
    assert not re.search(
        r"\b(the|board|normally|Humidity)\b", text.split("-- ")[0].replace("board?board", "")
    )


def test_text_and_page_say_the_same():
    letter = made()
    text, html = page.text(letter), page.html(letter)
    for name, value in letter.rows:
        assert value in text and value in html and name in text and name in html
    for button in (*letter.buttons, *letter.answers):
        assert button.url in text and button.url.replace("&", "&amp;") in html


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "kind", ["opening", "worse", "reminder", "escalation", "digest", "budget", "together"]
)
@pytest.mark.parametrize("what", ["anomaly", "sensor", "offline", "silent", "overslept"])
@pytest.mark.parametrize("over", [False, True])
def test_every_kind_of_mail_about_everything_can_be_written(language, kind, what, over):
    more = (
        {"kind": what} if what in ("anomaly", "sensor") else {"kind": "silence", "why": what, "abnormal": 0}
    )
    if what != "anomaly":
        more |= {"t_min": None, "t_max": None, "h_min": None, "h_max": None}
    episode = msgspec.structs.replace(EPISODE, closed=NOW if over else None, **more)
    letter = made(kind, language, episode, Facts(), lines=(Line(episode.id, "closed"),), held="cool-down")
    assert episode.device in page.text(letter) and episode.device in page.html(letter)
    assert "{" not in page.text(letter)


def test_a_mail_of_a_board_without_a_model_says_how_far_it_has_learned():
    learning = "7 h of 24; watching range, stuck, jumps"
    letter = made(facts=Facts(learning=learning))
    assert ("Still learning", learning) in letter.rows
    assert learning in page.text(letter) and learning in page.html(letter)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("first", [True, False])
def test_a_mail_about_a_next_model_says_what_it_did_and_has_one_button(language, first):
    asked = NextModel("demo", "C001", "8b7da160", first, 30.0, 9, 2, ("jump", "excursion"))
    letter = Letter("model", "warning", (), next=asked)
    for base in ("https://v.example.org", None):
        context = LetterContext(Words(language), Links(KEY, base), AlertSettings())
        mail = letters.page(Matter(letter, "demo-C001-8b7da160", NOW), [], context)
        assert [Links(KEY).read(token(button.url)).act for button in mail.buttons] == ["model"] * bool(base)
        text = plain(page.text(mail))
        assert "8b7da160" in text and ("9" in mail.leads[0]) != first and "{" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_mail_asks_what_it_was_and_has_one_link_for_each_answer(language):
    letter = made(language=language)
    acts = [Links(KEY).read(token(button.url)).act for button in letter.answers]
    assert acts == list(CAUSES)
    assert len({button.label for button in letter.answers}) == len(CAUSES)


def test_without_an_address_of_the_dashboard_there_are_no_links():
    letter = made(base=None)
    assert letter.buttons == letter.answers == () and "http" not in page.text(letter)
    assert "While it goes on, Vigie sends a reminder" in page.text(letter) and "Until then" not in page.text(
        letter
    )


def test_an_episode_that_is_no_longer_stored_is_counted():
    letter = Letter("together", "severe", (EPISODE.id, "demo/gone/9f3a1c07/1"))
    context = LetterContext(Words("en"), Links(KEY), AlertSettings())
    episode = letters.page(Matter(letter, "x", NOW), [EPISODE], context)
    assert episode.subject == "2 boards need a look" and "and 1 more" in page.text(episode)


def test_many_silent_boards_point_at_their_common_cause():
    silent = [
        msgspec.structs.replace(
            EPISODE, id=f"demo/C{k}/silence/1", device=f"C{k}", kind="silence", why="offline"
        )
        for k in range(50)
    ]
    letter = Letter("together", "warning", tuple(episode.id for episode in silent))
    mail = letters.page(
        Matter(letter, "x", NOW), silent, LetterContext(Words("en"), Links(KEY), AlertSettings())
    )
    assert "look at the broker, the network and the backend first" in page.text(mail)
    assert "and 10 more" in page.text(mail)


def test_the_lines_of_a_digest_are_not_all_of_one_board():
    episode = msgspec.structs.replace(EPISODE, severity="severe", closed=NOW - 60)
    many = [msgspec.structs.replace(episode, id=f"demo/C001/9f3a1c07/{k}", device="C001") for k in range(300)]
    other = msgspec.structs.replace(
        episode, id="demo/C002/9f3a1c07/1", device="C002", severity="warning", opened=episode.opened - 3600
    )
    letter = Letter("digest", "warning", (), tuple(Line(each.id, "closed") for each in (*many, other)))
    context = LetterContext(Words("en"), Links(KEY), AlertSettings())
    text = page.text(letters.page(Matter(letter, "x", NOW), [*many, other], context))
    assert "C002" in text and "and 261 more" in text


def test_the_test_mail_says_that_it_is_one(tmp_path, capsys):
    settings = MailSettings(FolderSettings(tmp_path), "vigie@example.org", ("you@example.org",))
    assert sample_mail.send(settings) == 0
    assert "written to" in capsys.readouterr().out
    mail = sample_mail.mail(settings, NOW)
    assert mail.subject == "Vigie: this is a test" and "This is a test" in mail.text
    assert mail.picture.startswith(b"\x89PNG") and len(mail.picture) < 150_000 and "http" not in mail.text


# -- links -----------------------------------------------------------------------------------------------


def token(url):
    return url.partition("token=")[2]


def test_a_link_comes_back_as_what_it_allows():
    made = Links(KEY, "https://v.example.org").link("false", "17-0-opening")
    assert Links(KEY).read(token(made)) == Permission("false", "17-0-opening")


def test_an_expired_link_allows_nothing(monkeypatch):
    made = token(Links(KEY, "https://v.example.org").link("real", "17-0-opening"))
    later = int(time.time()) + links.VALID_DAYS * 86400 + 2
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: later)
    with pytest.raises(links.LinkRefused, match="expired"):
        Links(KEY).read(made)


def test_what_was_changed_or_signed_by_others_allows_nothing():
    made = token(Links(KEY, "https://v.example.org").link("real", "17-0-opening"))
    others = token(Links(b"x" * 32, "https://v.example.org").link("real", "17-0-opening"))
    stranger = TimestampSigner(KEY, salt="vigie-link", digest_method=links.hashlib.sha256)
    strange = stranger.sign("delete.17-0-opening").decode()
    noise = base64.b64encode(b"x").decode()
    changed = (made.replace("real", "false"), made[:-1], "", "a.b.c", noise, "\udcff")
    for bad in (others, strange, stranger.sign("real.").decode(), *changed):
        with pytest.raises(links.LinkRefused, match="forged"):
            Links(KEY).read(bad)


def test_what_a_template_gets_is_plain_json():
    json.dumps(msgspec.to_builtins(made()))
