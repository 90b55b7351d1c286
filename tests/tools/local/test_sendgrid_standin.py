"""The stand-in for SendGrid, spoken to by the client that speaks to the original."""

import base64
import json
import urllib.error
import urllib.request

import pytest
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import (
    Attachment,
    ContentId,
    Disposition,
    FileContent,
    FileName,
    FileType,
    Mail,
    MailSettings,
    SandBoxMode,
)

from tests.official_sendgrid import SCHEMA, OfficialSendGrid
from tools.local.sendgrid_standin import SendGridStandIn

KEY = "SG.test"


@pytest.fixture
def standin(tmp_path):
    with SendGridStandIn(tmp_path / "outbox", key=KEY) as running:
        yield running


def mail(**changes):
    fields = {
        "from_email": "vigie@example.org",
        "to_emails": ["one@example.org", "two@example.org"],
        "subject": "C002: 25.1 degC / \u00e9t\u00e9",
        "plain_text_content": "Look at C002",
        "html_content": '<p>Look at <b>C002</b></p><img src="cid:chart">',
    }
    return Mail(**{**fields, **changes})


def send(standin, message, key=KEY):
    return SendGridAPIClient(key, host=standin.url).send(message)


def refusal(standin, message, key=KEY):
    with pytest.raises(HTTPError) as caught:
        send(standin, message, key)
    return caught.value


def test_a_mail_is_taken_as_the_original_does(standin):
    answer = send(standin, mail())
    assert (answer.status_code, answer.body) == (202, b"")
    assert answer.headers["X-Message-Id"] == standin.mails[0].id
    assert standin.mails[0].to == ("one@example.org", "two@example.org")


def test_each_mail_becomes_files_that_people_can_read(standin):
    message = mail()
    picture = base64.b64encode(b"PNG").decode()
    message.attachment = Attachment(
        FileContent(picture),
        FileName("c.png"),
        FileType("image/png"),
        Disposition("inline"),
        ContentId("chart"),
    )
    send(standin, message)
    kept = standin.mails[0].file
    assert json.loads(kept.read_text())["body"]["subject"] == "C002: 25.1 degC / \u00e9t\u00e9"
    assert "To: one@example.org, two@example.org\n" in kept.with_suffix(".txt").read_text()
    assert kept.with_suffix(".txt").read_text().endswith("Look at C002")
    assert f'src="data:image/png;base64,{picture}"' in kept.with_suffix(".html").read_text()


def test_two_mails_of_one_second_are_two_files(standin):
    send(standin, mail())
    send(standin, mail())
    assert len(list(standin.outbox.glob("*.json"))) == 2


def test_a_wrong_key_is_refused(standin):
    assert refusal(standin, mail(), key="SG.wrong").status_code == 401
    assert not standin.mails


@pytest.mark.parametrize(
    "change, field",
    [
        ({"subject": None}, "subject"),
        ({"from_email": None}, "from.email"),
        ({"plain_text_content": None, "html_content": None}, "content"),
        ({"to_emails": None}, "personalizations"),
    ],
)
def test_a_mail_that_lacks_something_is_refused_with_the_field(standin, change, field):
    error = refusal(standin, mail(**change))
    assert error.status_code == 400
    assert field in [problem["field"] for problem in error.to_dict["errors"]]
    assert not list(standin.outbox.iterdir())


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'"x"', b"{", b'{"personalizations":[1],"content":[2]}', b"\xff"]
)
def test_nonsense_is_a_400_and_no_crash(standin, body):
    request = urllib.request.Request(
        standin.url + "/v3/mail/send",
        body,
        {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=5)
    assert caught.value.code == 400
    assert json.loads(caught.value.read())["errors"]


@pytest.mark.parametrize("status", [400, 401, 403, 413, 429, 500, 503])
def test_it_refuses_on_command_and_then_recovers(standin, status):
    standin.refuse(status)
    error = refusal(standin, mail())
    assert error.status_code == status
    assert error.to_dict["errors"][0]["message"]
    assert send(standin, mail()).status_code == 202


def test_too_many_requests_say_when_to_come_back(standin):
    standin.refuse(429, reset_in=5)
    headers = refusal(standin, mail()).headers
    assert headers["X-RateLimit-Remaining"] == "0"
    assert int(headers["X-RateLimit-Reset"]) > 1_700_000_000


def test_an_exhausted_quota_comes_as_401(standin):
    standin.refuse(401, message="Maximum credits exceeded")
    error = refusal(standin, mail())
    assert (error.status_code, error.to_dict["errors"][0]["message"]) == (401, "Maximum credits exceeded")


@pytest.mark.skipif(not SCHEMA.exists(), reason="data: SendGrid's schema is not in ../shared/data")
def test_it_holds_mails_against_the_official_schema(tmp_path):
    with OfficialSendGrid(tmp_path, key=KEY) as standin:
        assert send(standin, mail()).status_code == 202
        wrong = mail()
        wrong.reply_to_list = None
        body = wrong.get()
        body["send_at"] = "tomorrow"
        assert refusal(standin, body).status_code == 400


def test_in_sandbox_mode_a_mail_is_checked_and_not_delivered(standin):
    message = mail()
    message.mail_settings = MailSettings(sandbox_mode=SandBoxMode(True))
    assert send(standin, message).status_code == 200 and not standin.mails
    message = mail(subject="")
    message.mail_settings = MailSettings(sandbox_mode=SandBoxMode(True))
    assert refusal(standin, message).status_code == 400
