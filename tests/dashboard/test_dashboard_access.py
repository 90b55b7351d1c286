"""Who may write, in a real browser, on a database that lets the dashboard's user do no more than it must."""

import os
import time

import pytest
from house import House
from provider import ACCESS_TOKEN, CLIENT, Provider

from cloud import database as databases
from cloud import password
from cloud.alerts.policy import Acknowledged
from cloud.settings import AlertSettings, FolderSettings, MailSettings
from cloud.watch import Watch
from tests.guarded import NAME, guarded_mongod
from tools import ports
from tools.dashboard import Dashboard

PASSWORD = "planted-correct-horse"
COOKIE, CLIENT_SECRET = "planted-cookie-key-of-the-session", "planted-client-key"
PAGES = ("", "board?board=C002", "episodes", "model", "usage", "system", "login")


@pytest.fixture(scope="module")
def uris(tmp_path_factory):
    with guarded_mongod(tmp_path_factory.mktemp("guarded")) as made:
        yield made


@pytest.fixture(scope="module")
def provider():
    made = Provider()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def served(uris, provider, tmp_path_factory):
    """A dashboard with both ways to log in, whose database user is the one that roles make."""
    folder = tmp_path_factory.mktemp("served")
    port = ports.free()
    secrets = folder / "secrets.toml"
    secrets.write_text(
        f'DASHBOARD_PASSWORD_HASH = "{password.hashed(PASSWORD)}"\n'
        'DASHBOARD_PEOPLE = "Keeper@example.org"\n'
        "[auth]\n"
        f'redirect_uri = "http://127.0.0.1:{port}/oauth2callback"\n'
        f'cookie_secret = "{COOKIE}"\n'
        f'client_id = "{CLIENT}"\n'
        f'client_secret = "{CLIENT_SECRET}"\n'
        f'server_metadata_url = "{provider.base}/.well-known/openid-configuration"\n'
    )
    environment = {
        **os.environ,
        "MONGODB_URI": uris["vigie-dashboard"],
        "MONGODB_DATABASE": NAME,
        "AUTHLIB_INSECURE_TRANSPORT": "1",
    }
    running = Dashboard(
        port, folder / "dashboard.log", environment, arguments=("--secrets.files", str(secrets))
    )
    try:
        running.wait()
        yield running
    finally:
        running.stop()


@pytest.fixture
def furnished(uris):
    made = databases.connect(uris["admin"], NAME)
    for name in made.list_collection_names():
        made[name].delete_many({}) if name != "quarantine" else made.drop_collection(name)
    house = House(made)
    house.furnish(time.time())
    yield house
    made.client.close()


@pytest.fixture
def person(look, served):
    """Somebody who reads the episodes."""
    looker = look()
    looker.open(f"{served.address}/episodes")
    looker.sees("1 episode going on")
    return looker


def log_in(looker, said=PASSWORD):
    looker.page.get_by_role("link", name="Log in", exact=True).click()
    looker.page.get_by_label("Password", exact=True).fill(said)
    looker.page.get_by_role("button", name="Log in", exact=True).click()


def to_the_episodes(looker):
    looker.page.get_by_role("link", name="Episodes").click()
    looker.sees("1 episode going on")


def test_who_has_not_logged_in_reads_and_cannot_write(furnished, person):
    link = person.page.get_by_role("link", name="Log in to answer")
    link.wait_for()  # it is drawn after the words that `person` has seen
    assert link.count() == 1
    assert person.page.get_by_role("button", name="I have seen it").count() == 0


def test_a_wrong_password_opens_nothing(furnished, person):
    log_in(person, "not-the-password")
    person.sees("This is not the password.")
    to_the_episodes(person)
    assert person.page.get_by_role("button", name="I have seen it").count() == 0


def test_an_episode_is_acknowledged_and_labelled_after_login(furnished, person, uris):
    log_in(person)
    person.sees("You are logged in")
    to_the_episodes(person)
    headline = person.page.get_by_role("heading", level=1)
    before = headline.bounding_box()
    person.page.get_by_role("button", name="I have seen it").first.click()
    person.sees("marked as seen")
    assert headline.bounding_box() == before  # nothing moves under the hand
    person.page.get_by_text("seen ", exact=False).first.wait_for()
    person.page.get_by_role("button", name="False alarm").first.click()
    person.sees("marked as a false alarm")
    (seen,) = furnished.database["acknowledgements"].find()
    (label,) = furnished.database["labels"].find()
    newest = furnished.database["episodes"].find_one(sort=[("opened", -1)])["_id"]
    assert seen["episodes"] == label["episodes"] == [newest]
    assert (seen["by"], label["by"], label["label"]) == ("keeper", "keeper", "false")
    person.page.get_by_role("button", name="It was real").first.click()
    person.sees("marked as real")
    assert [one["label"] for one in furnished.database["labels"].find().sort("at", 1)] == ["false", "real"]
    mail = MailSettings(FolderSettings(None), "a@example.org", ("b@example.org",))
    watch = Watch(databases.connect(uris["vigie-backend"], NAME), mail, AlertSettings())
    assert watch._acknowledged(time.time()) == [Acknowledged((newest,))]  # mails about it end
    person.page.get_by_role("link", name="Log out").click()
    person.page.get_by_role("button", name="Log out").click()
    person.page.get_by_label("Password", exact=True).wait_for()
    to_the_episodes(person)
    assert person.page.get_by_role("button", name="It was real").count() == 0
    assert person.complaints == []


def test_an_account_that_is_named_may_write(furnished, person, provider):
    provider.mail, provider.verified = "keeper@example.org", True
    person.page.get_by_role("link", name="Log in", exact=True).click()
    person.page.get_by_role("button", name="Log in with your account").click()
    person.page.get_by_role("link", name="Log out").wait_for()
    to_the_episodes(person)
    person.page.get_by_role("button", name="I have seen it").first.click()
    person.sees("marked as seen")
    (seen,) = furnished.database["acknowledgements"].find()
    assert seen["by"] == "keeper@example.org"


@pytest.mark.parametrize(
    ("mail", "verified"), [("stranger@example.org", True), ("keeper@example.org", False)]
)
def test_another_account_or_an_address_nobody_looked_at_may_not(furnished, person, provider, mail, verified):
    provider.mail, provider.verified = mail, verified
    person.page.get_by_role("link", name="Log in", exact=True).click()
    person.page.get_by_role("button", name="Log in with your account").click()
    person.sees("2 of 3 boards need a look")  # an account comes back to the first page
    person.page.get_by_role("link", name="Log in", exact=True).click()
    person.sees("may look but not answer")
    to_the_episodes(person)
    assert person.page.get_by_role("button", name="I have seen it").count() == 0


def test_an_embedded_view_has_no_frame_and_never_writes(furnished, look, served):
    looker = look()
    looker.open(f"{served.address}/episodes")
    looker.page.get_by_role("link", name="Fleet").wait_for()
    looker.open(f"{served.address}/episodes?embed=true")
    looker.sees("1 episode going on")
    for name in ("Fleet", "Log in"):
        assert looker.page.get_by_role("link", name=name).count() == 0
    looker.open(f"{served.address}/login?embed=true")
    looker.sees("No way to log in is set up here")
    assert looker.page.get_by_label("Password", exact=True).count() == 0


def test_no_secret_is_in_pages_frames_or_logs(furnished, look, served, uris):
    """Planted: the database's password, the password and its hash, the session's key, the provider's."""
    looker, seen = look(), []
    looker.page.on("response", lambda answer: seen.append(_body(answer)))
    looker.page.on(
        "websocket", lambda socket: socket.on("framereceived", lambda frame: seen.append(str(frame)))
    )
    for page in PAGES:
        looker.open(f"{served.address}/{page}")
        looker.page.wait_for_timeout(300)
        seen.append(looker.page.content())
    log_in(looker)
    looker.sees("You are logged in")
    seen.append(looker.page.content())
    everything = "".join(seen) + served.log.read_text()
    assert "1 episode going on" in everything
    database_password = uris["vigie-dashboard"].split(":", 2)[2].partition("@")[0]
    kept = [line for line in (served.log.parent / "secrets.toml").read_text().splitlines() if "HASH" in line]
    kept_hash = kept[0].split('"')[1]
    for secret in (
        database_password,
        PASSWORD,
        kept_hash,
        kept_hash[-20:],
        COOKIE,
        CLIENT_SECRET,
        ACCESS_TOKEN,
    ):
        assert secret not in everything


def _body(answer):
    try:
        return answer.text()
    except Exception:  # a redirect, a picture: nothing to read
        return ""
