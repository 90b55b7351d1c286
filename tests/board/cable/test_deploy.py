"""Deploy: only what changed, nothing of others, and a start that is watched until the first ack."""

import hashlib
import json
import time

import pytest

from cloud.updates.settings import masked
from device.link import explain, stages
from tests.device.model.test_bundle import bundle
from tools.board import deploy, doctor, model, provision
from tools.board.cable.port import Port
from tools.board.cable.raw_repl import RawRepl
from tools.board.cable.startup import STEPS, Start
from tools.board.provisioning import board_settings, certificate, pins
from tools.local import pki, ports
from tools.local.broker.broker import Broker
from tools.local.users import BACKEND_USER
from tools.mpy import build
from tools.process.child import ToolFailed


def digest(data):
    return hashlib.sha256(data).hexdigest()


BUILT = {"device/a.mpy": b"a", "device/b.mpy": b"b", "safe.mpy": b"s", "sha256.txt": b"list"}
STARTER = {"/boot.py": b"b1", "/main.py": b"m", "/boot/sha256.txt": b"list of two"}
WELL = {path: digest(data) for path, data in STARTER.items()} | {
    "/app/a/": "-", "/app/a/device/": "-", **{f"/app/a/{path}": digest(data) for path, data in BUILT.items()}
}  # fmt: skip


def test_a_board_that_has_it_all_gets_nothing():
    assert deploy.plan(BUILT, STARTER, WELL, "a").differ == 0
    assert deploy.plan(BUILT, STARTER, WELL | {"/app/a/number": digest(b"7")}, "a").differ == 0, "a release"


def test_what_changed_goes_into_the_idle_slot_and_what_is_there_already_is_copied_on_the_board():
    there = WELL | {"/app/a/device/a.mpy": digest(b"old")}
    plan = deploy.plan(BUILT, STARTER, there, "a")
    assert plan.slot == "b" and plan.switch and plan.folders == ("/app/b/", "/app/b/device/")
    assert plan.copy == ("/app/b/device/a.mpy",) and not plan.late and not plan.delete
    assert ("/app/a/safe.mpy", "/app/b/safe.mpy") in plan.take and len(plan.take) == 3
    left = {"/app/b/": "-", "/app/b/device/": "-", "/app/b/number": digest(b"7"), "/app/b/device/x/": "-"}
    left |= {"/app/b/device/x/y.py": digest(b"y"), "/app/b/part": "?", "/app/b/safe.mpy": digest(b"s")}
    plan = deploy.plan(BUILT, STARTER, there | left, "a")
    assert plan.delete[0] == "/app/b/number" and plan.delete[-1] == "/app/b/device/x/"
    assert set(plan.delete) == {*left} - {"/app/b/", "/app/b/device/", "/app/b/safe.mpy"}
    assert "/app/b/safe.mpy" not in {target for _, target in plan.take}


def test_of_a_board_without_slots_the_old_application_goes_last():
    old = {"/boot.py": digest(b"b0"), "/main.py": digest(b"m0"), "/memory.mpy": digest(b"?"), "/device/": "-"}
    old |= {"/device/a.mpy": digest(b"a"), "/device/sha256.txt": digest(b"its list")}
    plan = deploy.plan(BUILT, STARTER, old, "")
    assert plan.slot == "a" and plan.switch and plan.copy[-1] == "/app/a/sha256.txt"
    assert plan.take == (("/device/a.mpy", "/app/a/device/a.mpy"),)
    assert plan.folders == ("/app/", "/boot/", "/app/a/", "/app/a/device/")
    assert plan.late == tuple(STARTER), "boot.py needs nothing, and an old main.py does not mind the new one"
    assert set(plan.old) == {"/memory.mpy", *(path for path in old if path.startswith("/device/"))}
    assert plan.old[-1] == "/device/" and not plan.delete


def test_a_tree_that_does_not_compile_is_told_with_its_place(tmp_path):
    (tmp_path / "device" / "chip").mkdir(parents=True)
    for name in ("boot.py", "main.py", "device/chip/choice.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "device" / "bad.py").write_text("x = = 1\n")
    with pytest.raises(ToolFailed, match=r"device/bad.py:1 does not compile"):
        build.files("xtensawin", tmp_path)


def test_the_architecture_comes_from_the_firmware():
    assert build.arch_of(11014) == "xtensawin"  # what stock 1.23 for ESP32 says
    assert build.arch_of(6) == ""
    with pytest.raises(ToolFailed, match="make flash"):
        build.arch_of(5)


def test_deploy_provision_and_model_from_a_bare_board_to_the_first_ack(wire, serial_board, cloud, capsys):
    wire.put("/notes.txt", b"mine")
    wire.run("import os\nos.mkdir('/device')")
    wire.put("/device/window.py", b"raise SystemExit")
    wire.put("/device/an old copy of 1.py", b"raise SystemExit")
    deploy.deploy(wire, dry_run=True)
    assert not (serial_board.flash / "boot.py").exists()
    assert "copy" in capsys.readouterr().out
    deploy.deploy(wire)
    assert not (serial_board.flash / "device").exists()
    assert (serial_board.flash / "notes.txt").read_bytes() == b"mine"
    assert not deploy.is_provisioned(wire)

    wanted = cloud.wanted()
    provision.write(wire, wanted, provision.authority(wanted))
    assert deploy.watch(wire), capsys.readouterr().out
    printed = capsys.readouterr().out
    for step in STEPS:
        assert f"✓ {step.name}" in printed

    wire.stop()  # Vigie runs: it is stopped, and its watchdog with it
    slots = serial_board.flash / "app"
    (slots / "a" / "device" / "log.mpy").write_bytes(b"half a fi")
    (slots / "a" / "device" / "another old copy.py").write_bytes(b"raise SystemExit")
    deploy.deploy(wire)
    assert "1 changed" in capsys.readouterr().out and (slots / "active").read_text() == "b"
    assert not list((slots / "b" / "device").glob("*.py"))
    other = slots / "b" / "device" / "log.mpy"
    other.write_bytes(bytes(len(other.read_bytes())))  # as long as before: its size does not give it away
    doctor.application(wire)
    assert "1 files differ" in capsys.readouterr().out
    deploy.deploy(wire)
    assert "1 changed" in capsys.readouterr().out and (slots / "active").read_text() == "a"
    deploy.deploy(wire)
    assert "0 changed" in capsys.readouterr().out and (slots / "active").read_text() == "a"
    assert doctor.application(wire) and doctor.configuration(wire)
    assert "the same as this tree" in capsys.readouterr().out

    key = bytes.fromhex(wanted.config["key"])
    _model_is_tested_on_the_board_before_it_is_used(wire, serial_board, key)


def _model_is_tested_on_the_board_before_it_is_used(wire, serial_board, key):
    slots = serial_board.flash / "model"
    file = serial_board.flash.parent / "model.bin"
    file.write_bytes(bundle(key=bytes(32)))
    with pytest.raises(ToolFailed, match="another device"):
        model.install(wire, file)
    assert not slots.exists()
    file.write_bytes(bundle(key=key))
    model.install(wire, file)
    assert (slots / "active").read_text() == "a"
    model.install(wire, file)
    assert (slots / "active").read_text() == "b"
    (serial_board.flash / "app" / "a" / "device" / "bundle.mpy").write_bytes(b"damaged")
    wire.reset()
    wire.stop()
    with pytest.raises(ToolFailed, match="slot b stays in use"):
        model.install(wire, file)
    assert (slots / "active").read_text() == "b"
    assert not (slots / "a.bin").exists()


def test_a_board_that_was_stopped_goes_on_however_the_command_ends(serial_board, cloud, capsys):
    port = Port(serial_board.device, "virtual")
    wanted = cloud.wanted()
    with RawRepl(port) as wire:
        wire.stop()
        deploy.deploy(wire)
        provision.write(wire, wanted, provision.authority(wanted))
    garbage = serial_board.flash.parent / "garbage.bin"
    garbage.write_bytes(b"no model")
    for stop in (RawRepl.stop, RawRepl.pause):
        for problem in (ToolFailed, KeyboardInterrupt):
            with pytest.raises(problem), RawRepl(port) as wire:
                stop(wire)
                resets = serial_board.resets
                wire._transport.exec_raw_no_follow("while True: pass")  # it ends in the middle of something
                raise problem("no")
            assert serial_board.resets == resets + 1
            assert "the board goes on as before" in capsys.readouterr().out
    with pytest.raises(ToolFailed, match="cut short at 8 bytes"):
        model.main([str(garbage), "--device", "C001", "--port", serial_board.device])
    start = Start()
    with RawRepl(port) as wire:
        for line in wire.lines(60):
            assert line, start.missing
            start.feed(line)
            if "ack" in start.done:
                break


def test_what_a_person_had_as_main_py_is_kept(wire, serial_board, capsys):
    (serial_board.flash / "main.py").write_text("print('my own blinker')\n")
    (serial_board.flash / "boot.py").write_text("# This file is executed on every boot\n#import webrepl\n")
    deploy.deploy(wire, dry_run=True)
    assert "/main.py, which is not Vigie's, as /main.py.old" in capsys.readouterr().out
    deploy.deploy(wire)
    assert "your /main.py is /main.py.old now" in capsys.readouterr().out
    assert (serial_board.flash / "main.py.old").read_text() == "print('my own blinker')\n"
    assert not (serial_board.flash / "boot.py.old").exists(), "MicroPython's own, all comments"
    (serial_board.flash / "main.py").write_text((build.ROOT / "main.py").read_text() + "# older\n")
    deploy.deploy(wire)
    assert "kept" not in capsys.readouterr().out


OLD_MAIN = """# Vigie, as it was before there were slots
from memory import share
share()
from device.app import main
main()
"""


def test_a_board_from_before_there_were_slots_gets_them_and_keeps_stream_readings_and_model(
    wire, serial_board, cloud, capsys
):
    flash = serial_board.flash
    for path, data in build.application(build.arch_of(deploy.Firmware.ask(wire).mpy)).items():
        (flash / path).parent.mkdir(exist_ok=True)
        (flash / path).write_bytes(data)
    (flash / "sha256.txt").rename(flash / "device" / "sha256.txt")
    (flash / "main.py").write_text(OLD_MAIN)
    (flash / "boot").mkdir()
    (flash / "boot" / "starts").write_text("1")
    wanted = cloud.wanted()
    provision.write(wire, wanted, provision.authority(wanted))
    assert deploy.watch(wire), capsys.readouterr().out
    wire.stop()
    (flash / "model").mkdir()
    (flash / "model" / "active").write_text("a")
    stream = streams(flash)
    kept = {path: data for path, data in tree(flash).items() if path.startswith(("model/", "config.json"))}
    run = wire.run

    def cut(code, *more):
        if "'/main.py.new'" in code:
            raise ToolFailed("the connection to the board broke off")
        return run(code, *more)

    wire.run = cut
    with pytest.raises(ToolFailed):
        deploy.deploy(wire)
    wire.run = run
    assert (flash / "main.py").read_text() == OLD_MAIN and (flash / "device" / "app.mpy").exists()
    assert deploy.watch(wire), "the old application still runs"
    wire.stop()
    deploy.deploy(wire)
    assert not (flash / "device").exists() and not (flash / "safe.mpy").exists()
    assert deploy.watch(wire), capsys.readouterr().out
    wire.stop()
    assert streams(flash) == stream and len(stream) == 1
    assert {path: tree(flash)[path] for path in kept} == kept
    deploy.deploy(wire)
    assert "0 changed" in capsys.readouterr().out


def streams(flash):
    """The streams of the readings on flash: one, unless it was begun anew."""
    return {path.read_bytes()[4:8] for path in (flash / "outbox").glob("*.seg")}


def test_a_deployment_that_breaks_off_anywhere_leaves_the_board_as_it_was(wire, serial_board, tmp_path):
    """At each file that is written, renamed or deleted; then once more, and it comes to its end."""
    deploy.deploy(wire)
    runs = tree(serial_board.flash)
    for name in ("device/log.mpy", "safe.mpy"):
        (serial_board.flash / "app" / "a" / name).write_bytes(b"of an older version")
    before = tree(serial_board.flash)
    run = wire.run
    breaks_at = 0
    while True:
        left = breaks_at

        def cut(code, *more):
            nonlocal left
            if any(word in code for word in ("os.", "open(")) and "wb" in code or "os.re" in code:
                left -= 1
                if left < 0:
                    raise ToolFailed("the connection to the board broke off")
            return run(code, *more)

        wire.run = cut
        try:
            deploy.deploy(wire)
        except ToolFailed:
            after = tree(serial_board.flash)
            slot = after["app/active"].decode()
            assert slot == "b" or {path: after[path] for path in before} == before
            assert not wire.stays_stopped
        else:
            break
        breaks_at += 9
    after = tree(serial_board.flash)
    assert after["app/active"] == b"b" and breaks_at > 20, "what was copied before is not copied again"
    for path, data in runs.items():
        assert after[path.replace("app/a/", "app/b/")] == data or path == "app/active"


def tree(flash):
    return {
        path.relative_to(flash).as_posix(): path.read_bytes() for path in flash.rglob("*") if path.is_file()
    }


# Watching a start

GOOD = (
    "Vigie starts in 2 s: Ctrl-C or the BOOT button for a REPL",
    "  +00:00   boot   Vigie 0.1.0 on home/C001, after power on, 128 KB of heap free",
    "  +00:02   link   Wi-Fi up",
    "  +00:03   link   connected to broker:8883",
    "12:04:07   clock  set by NTP",
    "12:04:08   node   first readings sent",
    "12:04:09   node   first readings acknowledged",
)


def test_six_ticks_in_any_order_make_a_start():
    start = Start()
    earned = [step.name for step in map(start.feed, GOOD) if step]
    assert earned == ["start", "Wi-Fi", "TLS", "clock", "publish", "ack"]
    assert start.complete


def test_a_start_that_stands_still_says_why_in_the_boards_own_words():
    start = Start()
    for line in GOOD[:3]:
        start.feed(line)
    assert start.missing[0] == "clock" and "UDP to port 123" in start.missing[1]
    start.feed("  +00:09 ! link   broker:8883 does not answer: check broker.host")
    assert start.missing[1].startswith("link: broker:8883 does not answer")
    start.feed("00:00:09 ! node   ABNORMAL sensor error: no answer")
    assert start.missing[1].startswith("link: broker:8883 does not answer"), (
        "a reading's verdict is no reason"
    )
    start.feed(GOOD[3])
    assert start.trouble is None


def test_a_wrong_configuration_and_safe_mode_end_the_wait():
    for line in ("         E config config.json: key is missing: add it", "Safe mode: 4 starts failed. See"):
        start = Start()
        start.feed(line)
        assert start.ended and not start.complete


def test_a_refused_login_ends_the_wait_at_once(wire, cloud, capsys):
    wanted = cloud.wanted()
    wanted.config["broker"]["password"] = "a-wrong-word"
    deploy.deploy(wire)
    provision.write(wire, wanted, provision.authority(wanted))
    capsys.readouterr()
    began = time.monotonic()
    assert not deploy.watch(wire, 90)
    assert time.monotonic() - began < 60
    printed = capsys.readouterr().out
    assert "✗ TLS" in printed and "check broker.user" in printed


@pytest.mark.parametrize("error", [("connect", 4), ("connect", 5), ("subscribe", 0x80)])
def test_each_no_of_a_broker_is_known_by_the_boards_own_words(error):
    reason = explain.explain(stages.WELCOME, Exception(*error), "broker:8883", 0)
    start = Start()
    for line in (*GOOD[:3], GOOD[4], f"  +00:04 ! link   {reason}"):
        start.feed(line)
    assert start.ended == reason and start.missing == ("TLS", reason)


def test_a_crash_is_told_with_its_error():
    start = Start()
    for line in (
        '  File "device/app.py", line 72, in build',
        "ValueError: no BME280",
        "Restart in 2 s; Ctrl-C",
    ):
        start.feed(line)
    assert "it crashed: ValueError: no BME280" in start.missing[1]


def test_a_crash_loop_is_no_matter_of_wifi_and_comes_with_its_traceback():
    start = Start()
    crash = ("Traceback (most recent call last):", '  File "main.py", line 45, in start', "OSError: 19")
    for line in (*GOOD[:2], *crash, "Restart in 2 s; Ctrl-C for a REPL"):
        start.feed(line)
    assert start.trouble == "it crashed: OSError: 19\n" + "\n".join(crash[:2])
    for line in (
        GOOD[0],
        "Safe mode: 4 starts failed. See /last_error.txt",
        "Restart in 600 s; Ctrl-C for a REPL",
    ):
        start.feed(line)
    name, reason = start.missing
    assert name == "crash" and reason.startswith("Safe mode: 4 starts failed, the last with OSError: 19\n")
    assert "make provision" in reason


# Settings

BOARD = {"VIGIE_KEY": "11" * 32, "BOARD_USER": "home-C001", "BOARD_PASSWORD": "word"}
FILE = """
site = "home"
[wifi]
ssid = "net"
[broker]
host = "broker.example"
[sensor]
kind = "dht22"
pin = 4
"""


def write(tmp_path, text):
    file = tmp_path / "c001.toml"
    file.write_text(text)
    return file


def test_settings_come_from_file_then_environment_then_questions(tmp_path):
    asked = []

    def ask(question, secret, default):
        asked.append((question, secret))
        return "answer"

    env = {
        "VIGIE_KEY": "11" * 32,
        "BOARD_USER": "me",
        "WIFI_PASSWORD": "from-env",
        "MQTT_HOST": "not-used",
        "MQTT_PORT": "8884",
    }
    made = board_settings.gather("C001", write(tmp_path, FILE), env, ask)
    assert made.config["wifi"] == {"ssid": "net", "password": "from-env"}
    assert made.config["broker"]["host"] == "broker.example" and made.config["broker"]["port"] == 8884
    assert [question for question, secret in asked if secret] == ["Broker's password of this board"]
    assert len(made.config["key"]) == 64
    shown = json.dumps(masked(made.config))
    for secret in ("from-env", made.config["key"]):
        assert secret not in shown
    assert "from-env" not in repr(made)


def test_who_names_no_sensor_is_asked_for_one(tmp_path):
    """A board with none makes readings up: nobody may come to that by pressing Enter."""
    env = {**BOARD, "WIFI_PASSWORD": "a-long-word"}
    file = write(tmp_path, FILE.partition("[sensor]")[0])

    def pressed_enter(question, secret, default):
        return default

    made = board_settings.gather("C001", file, env, pressed_enter)
    assert made.config["sensor"] == {"kind": "dht22", "pin": 4}
    made = board_settings.gather(
        "C001", file, env, lambda *asked: asked[2] if "GPIO" in asked[0] else "SHT3x"
    )
    assert made.config["sensor"] == {"kind": "sht3x", "scl": 22, "sda": 21}
    with pytest.raises(ToolFailed, match="sensor.kind"):
        board_settings.gather("C001", file, env, lambda *asked: "dht11")
    assert "sensor" not in board_settings.gather("C001", file, env, None).config


def test_a_ca_is_looked_for_beside_the_file_that_names_it_or_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "boards").mkdir()
    env = {**BOARD, "MQTT_CA": "ca.pem", "WIFI_PASSWORD": "a-long-word"}
    file = write(tmp_path / "boards", FILE)
    assert board_settings.gather("C001", file, env, None).ca == str(tmp_path / "ca.pem")
    file.write_text(FILE.replace("[sensor]", 'ca = "ca.pem"\n[sensor]'))
    assert board_settings.gather("C001", file, env, None).ca == str(tmp_path / "boards" / "ca.pem")


def test_every_problem_is_told_before_anything_is_written(tmp_path):
    text = FILE.replace("pin = 4", 'pin = "four"') + "[limits]\nt_max = 999\n"
    with pytest.raises(ToolFailed) as caught:
        board_settings.gather("C001", write(tmp_path, text), {"VIGIE_KEY": "11" * 32}, None)
    message = str(caught.value)
    assert "nothing was written" in message and "sensor.pin" in message and "limits.t_max" in message
    assert str(tmp_path / "c001.toml") in message


def test_wrong_files_and_keys_are_refused_with_a_cure(tmp_path):
    for text, environment, message in (
        (FILE, {}, "VIGIE_KEY is missing"),
        (FILE, {"VIGIE_KEY": "beef"}, "64 hex digits"),
        ("site = ", {}, "not TOML"),
        ('device = "C002"', {}, "you asked for C001"),
    ):
        with pytest.raises(ToolFailed, match=message):
            board_settings.gather("C001", write(tmp_path, text), environment, None)
    with pytest.raises(ToolFailed, match="there is no"):
        board_settings.gather("C001", tmp_path / "none.toml", {}, None)
    with pytest.raises(ToolFailed, match="Is a directory"):
        board_settings.read(tmp_path)
    (tmp_path / "latin.toml").write_bytes('site = "caf\u00e9"'.encode("latin-1"))
    with pytest.raises(ToolFailed, match="is not UTF-8 text"):
        board_settings.read(tmp_path / "latin.toml")
    (tmp_path / "notepad.toml").write_bytes(b"\xef\xbb\xbfsite = 'home'")
    assert board_settings.read(tmp_path / "notepad.toml") == {"site": "home"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"net"', '""', "wifi.ssid is empty"),
        ('"broker.example"', '""', "broker.host is empty"),
        ('"broker.example"', '"mqtts://broker.example"', "broker.host is more than a name"),
        ('"broker.example"', '"broker.example:8883"', "broker.host is more than a name"),
        ('"broker.example"', '"broker.example"\nca = 5', "broker.ca is 5"),
        ('"broker.example"', '"broker.example"\nca = ""', "broker.ca is empty"),
        ('"broker.example"', '"broker.example"\nuser = "me"', "broker.password is missing"),
        ('"broker.example"', '"broker.example"\npassword = "word"', "broker.user is missing"),
        ('"broker.example"', '"broker.example"\nuser = ""', "broker.user is empty"),
        ('"broker.example"', '"broker.example"\nuser = "me"\npassword = ""', "broker.password is empty"),
        ('"broker.example"', '"localhost"', "broker.host is localhost, which for the board is the board"),
        ('"broker.example"', '"LocalHost."', "which for the board is the board"),
        ('"broker.example"', '"127.0.1.1"', "which for the board is the board"),
        ('"broker.example"', '"127.1"', "which for the board is the board"),
        ('"broker.example"', '"0.0.0.0"', "which for the board is the board"),
        ('site = "home"', 'ntp = ["127.0.0.1:123"]', "ntp names 127.0.0.1:123, which for the board is"),
        ('site = "home"', 'ntp = ["pool.ntp.org", "localhost"]', "ntp names localhost"),
        ('"net"', '"' + "n" * 33 + '"', "wifi.ssid has 33 bytes"),
        ('"net"', '"' + "ü" * 17 + '"', "wifi.ssid has 34 bytes"),
        ('"net"', '"net"\npassword = "short12"', "wifi.password has 7 bytes"),
        ('"net"', '"net"\npassword = "' + "x" * 64 + '"', "wifi.password has 64 bytes"),
        ('"net"', '"net"\npassword = "' + "ab" * 33 + '"', "wifi.password has 66 bytes"),
        ('site = "home"', 'wifi2 = {ssid = "' + "n" * 33 + '"}', "wifi2.ssid has 33 bytes"),
        ('site = "home"', 'wifi2 = {ssid = "x", password = "short12"}', "wifi2.password has 7 bytes"),
        ('site = "home"', 'wifi2 = {ssid = ""}', "wifi2.ssid is empty"),
        ('site = "home"', "led_pin = 4", "led_pin is 4, as sensor.pin is"),
        ('"dht22"\npin = 4', '"sht3x"\nscl = 21\nsda = 21', "sensor.sda is 21, as sensor.scl is"),
    ],
)
def test_what_a_board_would_try_in_vain_is_refused(tmp_path, old, new, message):
    with pytest.raises(ToolFailed, match=message):
        board_settings.gather("C001", write(tmp_path, FILE.replace(old, new)), {"VIGIE_KEY": "11" * 32}, None)


@pytest.mark.parametrize("password", ["", "x" * 8, "x" * 63, "ab" * 32, "müsliriegel", " a space "])
def test_every_password_that_a_wifi_can_have_is_taken(tmp_path, password):
    environment = {**BOARD, "WIFI_PASSWORD": password}
    made = board_settings.gather("C001", write(tmp_path, FILE), environment, None)
    assert made.config["wifi"].get("password", "") == password


ESP32 = "Generic ESP32 module with ESP32"
C3 = "ESP32C3 module with ESP32C3"
S3 = "Generic ESP32S3 module with ESP32S3"


@pytest.mark.parametrize(
    ("machine", "values", "message"),
    [
        (
            ESP32,
            {"sensor": {"kind": "dht22", "pin": 34}},
            "sensor.pin is 34, and this is an ESP32: it can only",
        ),
        (ESP32, {"sensor": {"kind": "dht22", "pin": 6}}, "its flash hangs on that one"),
        (ESP32, {"sensor": {"kind": "dht22", "pin": 24}}, "it has no GPIO 24"),
        (ESP32, {"sensor": {"kind": "dht22", "pin": 1}}, "its serial console hangs on that one"),
        (ESP32, {"sensor": {"kind": "dht22", "pin": 2}}, "led_pin is 2, as sensor.pin is"),
        (ESP32, {"sensor": {"kind": "sht3x", "scl": 21}}, "as sensor.scl is"),
        ("Generic ESP32 module with SPIRAM with ESP32", {"led_pin": 16}, "its memory hangs on that one"),
        ("TinyPICO with ESP32-PICO-D4", {"led_pin": 17}, "its flash hangs on that one"),
        ("M5Stack with ESP32-D0WDQ6", {"led_pin": 40}, "it has no GPIO 40"),
        (C3, {"sensor": {"kind": "bme280", "scl": 22, "sda": 21}}, "it has no GPIO 22; free are 0, 1, 2"),
        (C3, {"led_pin": 18}, "its USB port hangs on that one"),
        ("LOLIN_C3_MINI with ESP32-C3FH4", {"led_pin": 9}, "its BOOT button hangs on that one"),
        (S3, {"sensor": {"kind": "dht22", "pin": 30}}, "its flash hangs on that one"),
        ("Generic ESP32S3 module with Octal-SPIRAM with ESP32S3", {"led_pin": 35}, "its memory hangs"),
        ("ESP32C6 module with ESP32C6", {"led_pin": 31}, "it has no GPIO 31"),
        ("Generic ESP32S2 module with ESP32S2", {"led_pin": 46}, "it can only read there"),
        ("board with ESP32-P4", {"sensor": {"kind": "dht22", "pin": 2}}, "led_pin is 2, as sensor.pin is"),
    ],
)
def test_pins_that_a_chip_cannot_use_are_refused_by_its_name(machine, values, message):
    with pytest.raises(ToolFailed, match=message):
        pins.fit(values, machine)


@pytest.mark.parametrize(
    ("machine", "led", "wires"),
    [
        (ESP32, 2, {"scl": 22, "sda": 21}),
        (S3, None, {"scl": 9, "sda": 8}),
        ("Generic ESP32S2 module with ESP32S2", None, {"scl": 9, "sda": 8}),
        (C3, None, {"scl": 7, "sda": 6}),
        ("ESP32C6 module with ESP32C6", None, {"scl": 7, "sda": 6}),
    ],
)
def test_what_nobody_said_of_pins_is_as_the_chip_has_it(machine, led, wires):
    values = {"sensor": {"kind": "sht3x"}}
    pins.fit(values, machine)
    assert values == {"sensor": {"kind": "sht3x", **wires}, "led_pin": led}
    pins.fit(values, machine)
    unknown = {"sensor": {"kind": "sht3x"}}
    pins.fit(unknown, "linux [GCC 13] version")
    assert unknown == {"sensor": {"kind": "sht3x"}, "led_pin": 2}


def test_a_wrong_answer_is_asked_for_again_at_once(tmp_path):
    answers = iter(["my home", "home", "", "net", "wifi-word", "host:1", "host", "me", "word", "dht22", "D4"])
    asked = []

    def ask(question, secret, default):
        asked.append(question)
        return next(answers)

    made = board_settings.gather("C001", None, {"VIGIE_KEY": "11" * 32}, ask)
    assert made.config["site"] == "home" and made.config["sensor"] == {"kind": "dht22", "pin": 4}
    assert asked[1].startswith("site is 'my home': use letters") and asked[1].endswith("Site")
    assert made.config["wifi"]["ssid"] == "net" and made.config["broker"]["host"] == "host"


def test_what_a_file_holds_is_checked_before_anything_is_asked(tmp_path):
    def nobody(*_):
        raise AssertionError("asked")

    with pytest.raises(ToolFailed, match="colour is unknown"):
        board_settings.gather(
            "C001", write(tmp_path, "colour = 1\n" + FILE), {"VIGIE_KEY": "11" * 32}, nobody
        )


def test_the_ca_is_checked_before_it_travels(tmp_path):
    made = pki.ensure(tmp_path / "pki", ["localhost"])
    assert (
        certificate.from_file(made.ca_pem) == certificate.from_file(made.ca_der) == made.ca_der.read_bytes()
    )
    for data, message in (
        (b"hello", "no certificate"),
        (made.ca_pem.read_bytes() * 2, "holds 2 certificates"),
        (b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----", "damaged"),
    ):
        file = tmp_path / "ca"
        file.write_bytes(data)
        with pytest.raises(ToolFailed, match=message):
            certificate.from_file(file)


def test_a_broker_that_is_told_by_its_address_is_known_by_the_name_in_its_certificate(cloud, capsys):
    """A machine at home, as docs/deploy.md has it: stock MicroPython finds no address in a certificate."""
    wanted = cloud.wanted()
    wanted.config["broker"]["host"] = "127.0.0.1"  # what this broker listens on
    provision.authority(wanted)
    assert wanted.config["broker"]["name"] == "localhost"
    assert "its certificate is for localhost" in capsys.readouterr().out
    wanted.config["broker"]["name"] = "other.example"
    with pytest.raises(
        ToolFailed, match=r"it carries localhost, 127\.0\.0\.1: put one of these at broker.name"
    ):
        provision.authority(wanted)
    wanted.config["broker"] |= {"name": "127.0.0.1", "port": ports.free()}
    with pytest.raises(ToolFailed, match="out of reach here"):
        provision.authority(wanted)


def test_a_certificate_of_addresses_alone_is_refused(tmp_path):
    made = pki.ensure(tmp_path / "pki", ["127.0.0.1"])
    port = ports.free()
    broker = Broker(tmp_path / "broker", tmp_path / "log", made, {BACKEND_USER: "word"}, port=port)
    broker.start()
    try:
        with pytest.raises(ToolFailed, match=r"carries 127\.0\.0\.1, and a board checks names only"):
            certificate.name_for_board("127.0.0.1", port, made.ca_der.read_bytes())
        other = pki.ensure(tmp_path / "other", ["localhost"]).ca_der.read_bytes()
        with pytest.raises(ToolFailed, match=r"broker\.ca does not verify its certificate"):
            certificate.name_for_board("127.0.0.1", port, other)
    finally:
        broker.stop()


def test_the_name_comes_before_localhost_and_no_pattern_is_one(monkeypatch):
    for carried, name in (
        (["localhost", "192.168.1.20", "house.lan"], "house.lan"),
        (["*.house.lan", "localhost"], "localhost"),
    ):
        monkeypatch.setattr(certificate, "names", lambda *_, carried=carried: carried)
        assert certificate.name_for_board("192.168.1.20", 8883, b"") == name


def test_a_file_may_name_its_board(tmp_path):
    file = write(tmp_path, 'device = "C007"\n' + FILE)
    assert board_settings.gather("", file, BOARD, None).config["device"] == "C007"
    with pytest.raises(ToolFailed, match="you asked for C001"):
        board_settings.gather("C001", file, BOARD, None)
    with pytest.raises(ToolFailed, match="which board"):
        board_settings.gather("", write(tmp_path, FILE), BOARD, None)


def test_a_port_by_itself_is_no_board(serial_board):
    assert Port(serial_board.device, "").remote is False
