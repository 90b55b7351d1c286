"""`make provision` from end to end on a virtual board: with a file, and with a person who answers."""

import json
import sys

import pytest

from tools.board import provision, release
from tools.board.provisioning import certificate
from tools.process.child import ToolFailed


@pytest.fixture
def provisioned(serial_board, cloud, tmp_path, monkeypatch):
    """The configuration on the board after `make provision ARGUMENTS`, in an empty folder."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setattr(release, "KEY", tmp_path / "owner" / "release.pem")
    for name in (
        "RELEASE_PUB",
        "DEVICE",
        "FILE",
        "PORT",
        "SITE",
        "WIFI_SSID",
        "MQTT_HOST",
        "BOARD_USER",
        "BOARD_PASSWORD",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments):
        assert provision.main([*arguments, "--port", serial_board.device, "--no-watch"]) == 0
        return json.loads((serial_board.flash / "config.json").read_text())

    return run


def test_a_file_that_names_its_board_is_all_it_takes(provisioned, cloud, capsys):
    cloud.toml.write_text('device = "C001"\n' + cloud.toml.read_text())
    config = provisioned("--file", str(cloud.toml))
    assert (config["site"], config["device"]) == ("home", "C001")
    assert config["broker"]["host"] == "broker.test" and config["broker"]["ca"] == "/ca.der"
    assert config["led_pin"] == 2, "of a chip that is not known: as ever"
    printed = capsys.readouterr().out
    assert "simulated: the board makes its readings up" in printed and "out of reach here" in printed


def test_a_wifi_with_an_emoji_is_on_the_board_as_it_was_typed(provisioned, cloud, serial_board):
    cloud.toml.write_text(cloud.toml.read_text().replace('ssid = "net"', 'ssid = "net \N{GRINNING FACE}"'))
    assert provisioned("C001", "--file", str(cloud.toml))["wifi"]["ssid"] == "net \N{GRINNING FACE}"
    # MicroPython makes two halves of a pair of \\u escapes, which is no name of a network.
    assert "net \N{GRINNING FACE}".encode() in (serial_board.flash / "config.json").read_bytes()


def test_the_public_half_of_the_owners_key_goes_onto_the_board(provisioned, cloud, serial_board, capsys):
    provisioned("C001", "--file", str(cloud.toml))
    assert "no key yet" in capsys.readouterr().out and not (serial_board.flash / "release.key").exists()
    key = release.made_key(release.KEY, b"")
    provisioned("C001", "--file", str(cloud.toml))
    modulus = (serial_board.flash / "release.key").read_bytes()
    assert int.from_bytes(modulus, "big") == key.public_key().public_numbers().n and len(modulus) == 384
    assert "releases that this key has signed" in capsys.readouterr().out


def test_a_person_is_asked_for_what_is_missing_once_the_board_is_there(provisioned, cloud, monkeypatch):
    answers = {
        "Site": "",
        "Wi-Fi network (2.4 GHz)": "net",
        "Wi-Fi password": "",
        "Broker's host": "broker.test",
        "Broker's user of this board": "home/C002",
        "Broker's password of this board": "word",
        "Sensor (dht22, sht3x, bme280 or simulated)": "sht3x",
        "GPIO of its scl": "",
        "GPIO of its sda": "D5",
    }
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(provision, "ask", lambda question, _, default: answers.pop(question) or default or "")
    monkeypatch.setenv("MQTT_CA", str(cloud.ca_pem))
    config = provisioned("C002")
    assert not answers
    assert config["sensor"] == {"kind": "sht3x", "scl": 22, "sda": 5}
    assert config["wifi"] == {"ssid": "net", "password": ""} and config["site"] == "home"


def test_nothing_is_written_where_no_name_for_an_address_is_known(
    provisioned, cloud, serial_board, monkeypatch
):
    monkeypatch.setattr(certificate, "TIMEOUT", 1.0)
    text = cloud.toml.read_text().replace('"broker.test"', '"192.0.2.254"')
    cloud.toml.write_text(text)
    with pytest.raises(ToolFailed, match="give a name of its certificate with broker.name"):
        provisioned("C001", "--file", str(cloud.toml))
    assert not (serial_board.flash / "config.json").exists()
