"""Who may write, in a real browser, on a database that lets the dashboard's user do no more than it must."""

import os
import re
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import pytest
from house import House
from provider import ACCESS_TOKEN, CLIENT, Provider
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from cloud import password
from cloud.alerts.courier import pending
from cloud.alerts.policy import Letter
from cloud.dashboard import keeper
from cloud.store import database as databases
from cloud.watch.watch import LISTEN, OVERLAP
from tests.guarded import NAME, guarded_mongod
from tools.local import ports
from tools.local.dashboard_process import Dashboard

PASSWORD = "planted-correct-horse"
COOKIE, CLIENT_SECRET = "planted-cookie-key-of-the-session", "planted-client-key"
SEEN = re.compile(r"\bseen (?!it)")  # the badge, not the button
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


def log_in(looker, typed=PASSWORD):
    looker.page.get_by_role("link", name="Log in", exact=True).click()
    looker.page.get_by_label("Password", exact=True).fill(typed)
    looker.page.get_by_role("button", name="Log in", exact=True).click()


def to_the_episodes(looker):
    looker.page.get_by_role("link", name="Episodes").click()
    looker.sees_only("1 episode going on")


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
    person.page.get_by_role("button", name="What was it?").first.click()
    person.page.get_by_text(SEEN).first.wait_for()
    person.page.get_by_label("A line about it").fill("the *old* door")
    person.page.get_by_role("button", name="Door", exact=True).click()
    person.sees("Thank you: Door.")
    (seen,) = furnished.database["acknowledgements"].find()
    (label,) = furnished.database["labels"].find()
    newest = furnished.database["episodes"].find_one(sort=[("opened", -1)])["_id"]
    assert seen["episodes"] == label["episodes"] == [newest]
    assert (seen["by"], label["by"], label["label"]) == ("keeper", "keeper", "false")
    assert (label["cause"], label["note"]) == ("door", "the *old* door")
    person.sees("the *old* door")
    person.page.keyboard.press("Escape")
    person.page.get_by_role("button", name="Change the answer").first.click()
    person.page.get_by_role("button", name="Real fault", exact=True).click()
    person.sees("Thank you: Real fault.")
    assert [each["label"] for each in furnished.database["labels"].find().sort("at", 1)] == ["false", "real"]
    new = {"at": {"$gte": time.time() - LISTEN - OVERLAP}}  # what a watch asks for: mails about it end
    clicks = databases.connect(uris["vigie-backend"], NAME)["acknowledgements"].find(new)
    assert [click["episodes"] for click in clicks] == [[newest]]
    person.page.get_by_role("link", name="Log out").click()
    person.page.get_by_role("button", name="Log out").click()
    person.page.get_by_label("Password", exact=True).wait_for()
    to_the_episodes(person)
    assert person.page.get_by_role("button", name="What was it?").count() == 0
    assert person.complaints == []


def test_an_open_answer_stays_open_when_another_person_marks_the_episode_as_seen(furnished, person):
    log_in(person)
    person.sees("You are logged in")
    to_the_episodes(person)
    person.page.get_by_role("button", name="What was it?").first.click()
    note = person.page.get_by_label("A line about it")
    note.fill("the old")
    newest = furnished.database["episodes"].find_one(sort=[("opened", -1)])["_id"]
    furnished.database["acknowledgements"].insert_one(
        {"_id": "other", "episodes": [newest], "at": time.time(), "by": "another"}
    )
    person.page.get_by_text(SEEN).first.wait_for()
    assert note.input_value() == "the old"
    note.press_sequentially(" door")
    assert note.input_value() == "the old door"


def test_a_login_outlives_a_reload_until_it_ends(furnished, person):
    log_in(person)
    person.sees("You are logged in")
    person.page.reload()
    person.sees("You are logged in")
    (cookie,) = [each for each in person.context.cookies() if each["name"] == keeper.COOKIE]
    forged = {**cookie, "value": cookie["value"][:-1] + ("A" if cookie["value"][-1] != "A" else "B")}
    person.context.add_cookies([forged])
    person.page.reload()
    person.sees("Log in to answer")
    person.context.add_cookies([cookie])
    person.page.reload()
    person.sees("You are logged in")
    person.page.get_by_role("button", name="Log out").click()
    person.sees("Log in to answer")
    person.page.wait_for_function(f"!document.cookie.includes('{keeper.COOKIE}')")
    person.page.reload()
    person.sees("Log in to answer")


def test_no_mail_address_is_shown_before_a_login(furnished, person):
    text = "550 <someone.else@example.org> is not known here"
    address = "owner@example.org"
    alert = pending("a", Letter("digest", "severe", ()), [address], "Digest", time.time())
    furnished.database["alerts"].insert_one({**alert, "state": "failed", "error": text})
    person.page.get_by_role("link", name="Fleet").click()
    person.page.get_by_text("not delivered").first.click()
    person.sees("is not known here")
    shown = person.page.locator("body").inner_text()
    assert address not in shown and "someone.else" not in shown and "1 recipient" in shown
    log_in(person)
    person.sees("You are logged in")
    person.page.get_by_role("link", name="Fleet").click()
    person.page.get_by_text("not delivered").first.click()
    person.sees("someone.else@example.org")


def test_nothing_can_be_uploaded(look, served):
    """As Streamlit's own page would send it: for a session that exists, with the page's own token."""
    looker, frames = look(), []
    looker.page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(frame)))
    looker.open(served.address)
    messages = [ForwardMsg.FromString(frame) for frame in frames if isinstance(frame, bytes)]
    (session,) = {
        message.new_session.initialize.session_id for message in messages if message.HasField("new_session")
    }
    reply = looker.page.evaluate(
        """async (session) => {
            const form = new FormData()
            form.append("file", new Blob(["x"]), "x.csv")
            const token = document.cookie.match(/_streamlit_xsrf=([^;]+)/)?.[1] ?? ""
            const sent = {method: "PUT", body: form, headers: {"X-Xsrftoken": token}}
            const reply = await fetch(`/_stcore/upload_file/${session}/one`, sent)
            return [reply.status, await reply.text()]
        }""",
        session,
    )
    assert reply == [413, "File too large"]


def test_a_stranger_locks_out_nobody_but_their_own_address():
    gate, kept = keeper.Gate(), password.hashed(PASSWORD)
    known = keeper.token(kept)
    assert [gate.attempt("wrong", kept, "203.0.113.7") for _ in range(11)] == ["wrong"] * 10 + ["wait"]
    assert gate.attempt(PASSWORD, kept, "203.0.113.7") == "wait"
    assert gate.attempt(PASSWORD, kept, "198.51.100.1") is None
    assert gate.attempt(PASSWORD, kept, "203.0.113.7", known) is None  # behind the same proxy
    assert gate.attempt(PASSWORD, kept, "203.0.113.7", known[:-4] + "AAAA") == "wait"


def test_a_browser_that_logged_in_before_waits_for_no_stranger():
    gate, kept = keeper.Gate(), password.hashed(PASSWORD)
    with ThreadPoolExecutor(30) as pool:
        strangers = [pool.submit(gate.attempt, "wrong", kept, f"203.0.113.{k}") for k in range(30)]
        wait(strangers, return_when=FIRST_COMPLETED)
        assert gate.attempt(PASSWORD, kept, "198.51.100.1", keeper.token(kept)) is None
        assert sum(stranger.done() for stranger in strangers) < 15


@pytest.mark.parametrize(
    "connection, forwarded, counted",
    [
        ("203.0.113.7", None, "203.0.113.7"),
        ("8.8.8.8", "9.9.9.9", "8.8.8.8"),  # no proxy: the header is the visitor's own word
        ("10.0.0.2", "9.9.9.9, 8.8.4.4", "8.8.4.4"),  # behind a proxy, what it wrote itself
        (None, "8.8.8.8", "8.8.8.8"),
        (None, "nonsense", "127.0.0.1"),
        (None, None, "127.0.0.1"),
        ("2606:4700::1:2:3:4", None, "2606:4700::/64"),
    ],
)
def test_a_try_counts_for_the_address_that_the_visitor_cannot_choose(connection, forwarded, counted):
    assert keeper.address_of(connection, forwarded) == counted


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
    looker.sees_only("You are logged in")  # the form holds what was typed until it is gone
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
