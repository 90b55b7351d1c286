"""Settings: everything that is wrong is told at once, with place and cure, and never a secret."""

from pathlib import Path

import pytest
from dotenv import dotenv_values

from cloud import settings

GOOD = {
    "MQTT_HOST": "broker.example.org",
    "MQTT_USER": "backend",
    "MQTT_PASSWORD": "secret-one",
    "MONGODB_URI": "mongodb://user:secret-two@localhost/",
    "VIGIE_KEY": "ab" * 32,
    "SENDGRID_API_KEY": "secret-three",
    "MAIL_FROM": "vigie@example.org",
    "MAIL_TO": "a@example.org, b@example.org",
}


def problems(environment, file=None):
    with pytest.raises(settings.SettingsError) as caught:
        settings.load(environment, file)
    return caught.value.problems


def test_good_settings_load_with_their_defaults():
    loaded = settings.load(GOOD)
    assert loaded.broker.port == 8883 and loaded.broker.share is None
    assert loaded.database.name == "vigie" and loaded.retention_days == 30
    assert loaded.mail.to == ("a@example.org", "b@example.org")
    assert loaded.key == bytes.fromhex("ab" * 32)


def test_no_secret_is_ever_shown():
    assert "secret" not in repr(settings.load(GOOD)) and "abab" not in repr(settings.load(GOOD))
    bad = {**GOOD, "MONGODB_URI": "mongo://user:secret-two@localhost", "VIGIE_KEY": "secret-four"}
    assert not [line for line in problems(bad) if "secret-" in line]


def test_all_problems_come_at_once():
    problem_list = problems(
        {"MQTT_PORT": "0", "MAIL_TO": "nobody", "RETENTION_DAYS": "many", "SENDGRID_HOST": "x"}
    )
    for key in ("MQTT_HOST", "MQTT_PORT", "MQTT_USER", "MQTT_PASSWORD", "MONGODB_URI", "VIGIE_KEY",
                "SENDGRID_API_KEY", "MAIL_FROM", "MAIL_TO", "RETENTION_DAYS", "SENDGRID_HOST"):  # fmt: skip
        assert [line for line in problem_list if f"{key} " in line], key


@pytest.mark.parametrize("host", ["broker.example.org:8883", "mqtts://broker.example.org"])
def test_a_brokers_address_is_not_its_name(host):
    assert "MQTT_HOST is a name alone" in "".join(problems({**GOOD, "MQTT_HOST": host}))


def test_a_file_is_named_with_the_line(tmp_path):
    file = tmp_path / ".env"
    file.write_text("# mine\n\nMQTT_PORT=http\nnonsense here\nMQTT_PASWORD=x\n")
    problem_list = problems(GOOD, file)
    assert [line.split(":")[0] for line in problem_list] == [".env line 4", ".env line 3", ".env line 5"]
    assert problem_list[2].endswith("did you mean MQTT_PASSWORD?")


def test_the_environment_goes_before_the_file(tmp_path):
    file = tmp_path / ".env"
    file.write_text('MQTT_HOST="from the file"\nMQTT_PORT=1883 # not this\n')
    loaded = settings.load(GOOD, file)
    assert loaded.broker.host == "broker.example.org" and loaded.broker.port == 1883


def test_names_that_are_not_ours_are_left_alone():
    settings.load({**GOOD, "PATH": "/bin", "MAIL": "/var/mail/me", "PORT_MQTT": "1", "MAILTO": "root"})


def test_a_reader_needs_only_the_database():
    loaded = settings.read(settings.database, {"MONGODB_URI": "mongodb://localhost"})
    assert loaded.name == "vigie"
    with pytest.raises(settings.SettingsError, match="MONGODB_URI is missing"):
        settings.read(settings.database, {})


def test_alerts_have_defaults_and_read_as_people_write_them():
    alerts = settings.load(GOOD).alerts
    assert (alerts.per_day, alerts.cost, alerts.quiet_hours, alerts.digest_minute) == (100, 2, None, 480)
    more = {
        "QUIET_HOURS": "22:30-7:00",
        "DIGEST_TIME": "06:15",
        "MAIL_PER_DAY": "500",
        "TIMEZONE": "Europe/Paris",
    }
    own = {"MAIL_ESCALATE_TO": "boss@example.org", "ALERT_REPEAT_MINUTES": "0", "VIGIE_LANGUAGE": "fr"}
    loaded = settings.load({**GOOD, **more, **own})
    alerts = loaded.alerts
    assert (alerts.quiet_hours, alerts.digest_minute, alerts.per_day) == ((1350, 420), 375, 500)
    assert (alerts.second_cost, alerts.repeat, alerts.zone) == (1, 0, "Europe/Paris")
    assert loaded.mail.language == "fr"


def test_a_language_that_there_is_not_is_refused_and_gettexts_own_variable_means_nothing():
    with pytest.raises(settings.SettingsError, match='VIGIE_LANGUAGE must be one of en, fr, not "de"'):
        settings.load({**GOOD, "VIGIE_LANGUAGE": "de"})
    assert settings.load({**GOOD, "LANGUAGE": "fr:en"}).mail.language == "en"
    assert settings.load({**GOOD, "LANGUAGE": "fr"}).mail.language == "en"


def test_the_old_name_of_the_language_in_a_file_is_told(tmp_path):
    file = tmp_path / ".env"
    file.write_text("LANGUAGE=fr\n")
    shell = {"LANGUAGE": "en_US:en"}  # gettext's own, on most desktops
    for asked in (
        lambda: settings.load({**GOOD, **shell}, file),
        lambda: settings.read(settings.language, {}, file),
    ):
        with pytest.raises(
            settings.SettingsError, match="LANGUAGE is called VIGIE_LANGUAGE now: write VIGIE_LANGUAGE=fr"
        ):
            asked()
    file.write_text("LANGUAGE=de_DE:de\n")
    assert settings.read(settings.language, {}, file) == "en"


def test_what_is_wrong_with_alerts_is_told_with_the_rest():
    bad = {
        "QUIET_HOURS": "late",
        "DIGEST_TIME": "25:00",
        "TIMEZONE": "Mars/Olympus",
        "MAIL_PER_DAY": "7",  # two people, and four mails must fit
        "SENDGRID_TEMPLATE_ID": "mine",
    }
    problem_list = problems({**GOOD, **bad})
    for key in bad:
        assert [line for line in problem_list if f"{key} " in line], key


def test_each_way_of_sending_needs_its_own_settings():
    without = {key: value for key, value in GOOD.items() if key != "SENDGRID_API_KEY"}
    assert [line for line in problems(without) if "SENDGRID_API_KEY is missing" in line]
    assert [line for line in problems({**without, "MAIL_VIA": "smtp"}) if "SMTP_HOST is missing" in line]
    assert [line for line in problems({**without, "MAIL_VIA": "folder"}) if "MAIL_FOLDER is missing" in line]
    smtp = settings.load({**without, "MAIL_VIA": "SMTP", "SMTP_HOST": "mail", "SMTP_PASSWORD": "secret-five"})
    assert (smtp.mail.via.port, smtp.mail.via.security) == (587, "starttls")
    assert "secret" not in repr(smtp)


def test_a_dashboard_knows_links_by_their_own_key_or_by_the_master_key():
    made = settings.read(settings.link_key, {"VIGIE_KEY": "ab" * 32})
    assert made and made == settings.read(settings.link_key, {"LINK_KEY": made.hex()})
    assert settings.read(settings.link_key, {}) is None
    with pytest.raises(settings.SettingsError, match="LINK_KEY must be 64 hex digits"):
        settings.read(settings.link_key, {"LINK_KEY": "short"})


def test_the_example_file_names_every_setting():
    from pathlib import Path

    text = (Path(__file__).parents[2] / ".env.example").read_text()
    assert [key for key in settings.KEYS if f"{key}=" not in text] == []


def test_an_old_key_that_is_missing_is_looked_for_and_never_made_anew() -> None:
    with pytest.raises(settings.SettingsError) as caught:
        settings.read(settings.old_and_new_key, {"VIGIE_KEY": "ab" * 32})
    assert "what VIGIE_KEY was until now" in str(caught.value) and "token_hex" not in str(caught.value)


def test_a_wrong_way_of_mail_asks_for_nothing_of_another_way():
    (problem,) = problems({**GOOD, "MAIL_VIA": "pigeon", "SENDGRID_API_KEY": ""})
    assert 'MAIL_VIA must be one of sendgrid, smtp, folder, not "pigeon"' in problem


@pytest.mark.parametrize("key", ["MQTT_HOST", "MONGODB_URI"])
def test_what_is_still_the_examples_is_told(key):
    values = dotenv_values(Path(__file__).parents[2] / ".env.example")
    (problem,) = problems({**GOOD, key: values[key]})
    assert f"{key} is still the example's: copy yours from" in problem


@pytest.mark.parametrize("scheme", ["mongodb", "mongodb+srv"])
@pytest.mark.parametrize("word", ["a@hidden", "a/hidden", "hidden:a", "a?hidden", "a@hidden/b"])
def test_a_password_that_must_be_escaped_is_told_without_any_of_it(scheme, word):
    (problem,) = problems(
        {**GOOD, "MONGODB_URI": f"{scheme}://user:{word}@cluster0.abc.mongodb.net/?w=majority"}
    )
    assert "write them as %40 %3A %2F %3F" in problem and "hidden" not in problem


@pytest.mark.parametrize(
    "uri",
    ["mongodb://localhost", f"mongodb://u:{'a%40b'}@h1:1,h2:2/vigie?replicaSet=r", "mongodb+srv://u@h/?a=b"],
)
def test_a_database_address_that_can_be_read_is_taken(uri):
    assert settings.read(settings.database, {"MONGODB_URI": uri}).uri == uri


def test_a_worker_that_only_ingests_is_given_no_mail_key():
    known = {key: value for key, value in GOOD.items() if not key.startswith(("MAIL", "SENDGRID"))}
    worker = settings.read(settings.worker, known)
    assert worker.broker.user == "backend" and not hasattr(worker, "mail")


def test_an_address_that_stands_twice_counts_once():
    loaded = settings.load({**GOOD, "MAIL_TO": "a@example.org, B@example.org,A@Example.org,b@example.org"})
    assert loaded.mail.to == ("a@example.org", "B@example.org")
