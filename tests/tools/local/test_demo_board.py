"""A real board joins the demo that runs: its login is added, its settings written, no editor is needed."""

import os

import pytest

from tests.needed import need
from tools.board.provisioning import board_settings
from tools.local import pki, ports, secrets_file
from tools.local.broker.broker import login
from tools.local.stack import Stack, StackPlan, only_one
from tools.process.child import ToolFailed
from tools.run import demo, demo_board


class Joinable(Stack):
    """Of the demo what a board sees: broker and clock."""

    def start(self):
        folder = self.plan.folder
        folder.mkdir(parents=True)
        self._parts.enter_context(only_one(folder))
        self.ports = ports.choose({})
        self.secrets = secrets_file.load(folder / "secrets.json", ["demo/C001"])
        self.pki = pki.ensure(folder / "pki")
        self._start_broker()
        self._start_mail_and_time()
        self._let_others_join()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("DEVICE", "ADDRESS"):
        monkeypatch.delenv(name, raising=False)


def plan(address, kind=None):
    return StackPlan(folder=demo_board.FOLDER, address=address, broker=kind)


@pytest.fixture(params=["mosquitto", "iotcore"])
def kind(request):
    if request.param == "mosquitto":
        need("mosquitto")
    return request.param


def test_a_board_is_let_into_the_running_demo_and_its_file_needs_no_editor(here, capsys, kind):
    with Joinable(plan("0.0.0.0", kind)) as stack:
        port = stack.ports["broker"]
        other = {"user": "demo/C001", "password": stack.secrets.passwords["demo/C001"]}
        demo_board.main(["kitchen", "--address", "192.0.2.77"])
        assert "make provision FILE=var/demo/kitchen.toml" in capsys.readouterr().out
        file = demo_board.FOLDER / "kitchen.toml"
        assert file.stat().st_mode & 0o77 == 0
        made = board_settings.gather("", file, {"WIFI_SSID": "net"}, None)
        broker = made.config["broker"]
        assert made.config["site"] == "demo" and made.config["device"] == "kitchen"
        assert made.config["ntp"][0] == f"192.0.2.77:{stack.ntp.port}"
        assert (broker["host"], broker["port"]) == ("192.0.2.77", port)
        names = {"user": broker["user"], "password": broker["password"]}
        assert login("localhost", port, stack.pki.ca_pem, **names)
        assert login("localhost", port, stack.pki.ca_pem, **other), "nobody else is shut out"
        assert made.ca and os.path.samefile(made.ca, stack.pki.ca_der)

        file.write_text(file.read_text() + '\n[sensor]\nkind = "dht22"\npin = 4\n')
        demo_board.main(["kitchen", "--address", "192.0.2.77"])
        assert "kitchen.toml.old" in capsys.readouterr().out
        assert "dht22" in file.with_suffix(".toml.old").read_text()
        assert board_settings.gather("", file, {"WIFI_SSID": "net"}, None).config["broker"] == broker
        for arguments, message in (
            (["C001"], "one of the demo's own boards"),
            (["my board"], "no board's name"),
            (["C004", "--address", "localhost"], "no address by which a board reaches"),
        ):
            with pytest.raises(ToolFailed, match=message):
                demo_board.main(arguments)


def test_without_a_demo_that_listens_the_way_to_one_is_told(here):
    with pytest.raises(ToolFailed, match=r"LISTEN=0\.0\.0\.0 make demo"):
        demo_board.main(["C004"])
    with Joinable(plan("127.0.0.1")), pytest.raises(ToolFailed, match="listens to this computer alone"):
        demo_board.main(["C004"])
    with pytest.raises(ToolFailed, match="no demo runs here"):
        demo_board.main(["C004"])


def test_the_clock_of_the_demo_is_where_boards_look_for_it_tomorrow():
    """Its port stands in their configuration: it may be no other one at each start."""
    assert demo.plan({}).ports["ntp"] == demo.PORTS["ntp"] != 0
    assert demo.plan({}).address == "127.0.0.1"
    assert demo.plan({"LISTEN": "0.0.0.0"}).address == "0.0.0.0"
    with pytest.raises(ToolFailed, match=r"LISTEN=eth0: .*LISTEN=0\.0\.0\.0"):
        demo.plan({"LISTEN": "eth0"})
