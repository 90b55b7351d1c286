"""Settings: everything that is wrong is told at once, with place and cure, and never a secret."""

import pytest

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
    told = problems({"MQTT_PORT": "0", "MAIL_TO": "nobody", "RETENTION_DAYS": "many", "SENDGRID_HOST": "x"})
    for key in ("MQTT_HOST", "MQTT_PORT", "MQTT_USER", "MQTT_PASSWORD", "MONGODB_URI", "VIGIE_KEY",
                "SENDGRID_API_KEY", "MAIL_FROM", "MAIL_TO", "RETENTION_DAYS", "SENDGRID_HOST"):  # fmt: skip
        assert [line for line in told if f"{key} " in line], key


def test_a_file_is_named_with_the_line(tmp_path):
    file = tmp_path / ".env"
    file.write_text("# mine\n\nMQTT_PORT=http\nnonsense here\nMQTT_PASWORD=x\n")
    told = problems(GOOD, file)
    assert [line.split(":")[0] for line in told] == [".env line 4", ".env line 3", ".env line 5"]
    assert told[2].endswith("did you mean MQTT_PASSWORD?")


def test_the_environment_goes_before_the_file(tmp_path):
    file = tmp_path / ".env"
    file.write_text('MQTT_HOST="from the file"\nMQTT_PORT=1883 # not this\n')
    loaded = settings.load(GOOD, file)
    assert loaded.broker.host == "broker.example.org" and loaded.broker.port == 1883


def test_names_that_are_not_ours_are_left_alone():
    settings.load({**GOOD, "PATH": "/bin", "MAIL": "/var/mail/me", "PORT_MQTT": "1", "MAILTO": "root"})


def test_a_reader_needs_only_the_database():
    loaded = settings.load_database({"MONGODB_URI": "mongodb://localhost"})
    assert loaded.name == "vigie"
    with pytest.raises(settings.SettingsError, match="MONGODB_URI is missing"):
        settings.load_database({})
