"""boot.py and main.py on virtual boards: whatever is wrong, the board comes back or leads to a REPL."""

import json
import threading
import time

import pytest

from device.outbox import header
from tests.board.watched import CONFIG, Watched
from tests.device.model.test_bundle import bundle
from tools.local.ntp_server import NtpServer


@pytest.fixture
def watched(tmp_path):
    watched = Watched(tmp_path)
    yield watched
    watched.board.power_off()


def test_ctrl_c_within_two_seconds_leads_to_a_repl_without_a_watchdog(watched):
    watched.board.power_on()
    watched.wait("starts in 2 s")
    watched.counted("4")
    watched.board.interrupt()
    watched.wait("no watchdog")
    watched.wait("ended")
    assert not any("watchdog 60000" in line for line in watched.lines)
    assert not watched.flash("boot/starts").exists()


def test_ctrl_c_before_the_two_seconds_is_as_good(watched):
    machine = watched.board.folder / "firmware" / "machine.py"
    text = machine.read_text()
    machine.write_text(text.replace("        self._id = id\n", "        raise KeyboardInterrupt\n"))
    watched.board.power_on()
    watched.wait("REPL: Vigie does not run")
    watched.wait("ended")
    assert not any("Traceback" in line or "starts in 2 s" in line for line in watched.lines)


def test_ctrl_c_later_flushes_and_gives_the_watchdog_an_hour(watched):
    watched.board.power_on()
    watched.wait("0 readings kept")
    watched.board.interrupt()
    watched.wait("watchdog 3600000")
    watched.wait("Ctrl-D starts again")


def test_a_model_with_parameters_of_another_version_is_told_and_the_board_measures_without(watched):
    watched.board.put_model(bundle(key=bytes.fromhex(CONFIG["key"])))
    watched.board.power_on()
    watched.wait("E model  refused: PARM layout", 40)
    watched.wait_until(lambda _: watched.board.readings.exists() and watched.board.readings.stat().st_size)
    assert not any("Restart in" in line for line in watched.lines)


def test_starts_that_a_person_ends_lead_to_no_safe_mode(watched):
    """Five deployments within five minutes are five young starts."""
    watched.board.power_on()
    watched.wait("starts in 2 s")
    watched.counted("3")
    watched.reset()
    watched.wait("readings kept")
    assert watched.flash("boot/starts").read_text() == "4"
    watched.board.interrupt()
    watched.wait("Ctrl-D starts again")
    assert not watched.flash("boot/starts").exists()


def test_a_broken_application_is_written_down_and_the_board_starts_again(watched):
    watched.flash("app/a/device/app.py").write_text("1 / 0\n")
    watched.board.power_on()
    watched.wait("Restart in 2 s")
    assert watched.flash("last_error.txt").read_text().startswith("ZeroDivisionError")
    watched.wait("boot hard")
    watched.wait("Restart in 4 s")
    assert watched.flash("boot/starts").read_text() == "2"


def test_without_any_application_there_is_safe_mode_at_once(watched):
    for path in sorted(watched.flash("app/a/device").rglob("*.mpy")):
        path.unlink()
    watched.counted("nonsense")
    watched.board.power_on()
    watched.wait("Safe mode: files are damaged")
    watched.wait("Wi-Fi up")
    assert "/app/a/device/app.mpy" in watched.flash("last_error.txt").read_text()
    assert watched.flash("boot/starts").read_text() == "1"


def test_after_four_failed_starts_comes_safe_mode_with_a_way_out(watched):
    watched.board.power_on()
    watched.wait("starts in 2 s")
    watched.counted("4")
    watched.reset()
    watched.wait("Safe mode: 4 starts failed")
    watched.wait("Restart in 600 s")
    flashes = ["pin 2 1", "pin 2 0"] * 2  # two short ones in a round
    watched.wait_until(lambda lines: lines[-4:] == flashes or _tail(lines) == flashes)
    watched.board.interrupt()
    watched.wait("Ctrl-D starts again")
    assert not any("sensor" in line or "node" in line for line in watched.lines)


def test_power_that_comes_and_goes_leads_to_no_safe_mode(watched):
    watched.counted("4")
    watched.board.power_on()
    watched.wait("outbox boot 1")
    assert watched.flash("boot/starts").read_text() == "1"


def test_a_wrong_configuration_is_told_as_a_whole_and_leads_to_the_repl(watched):
    watched.flash("config.json").write_text(json.dumps(CONFIG | {"device": "C 1", "period_ms": 1}))
    watched.board.power_on()
    watched.wait("config.json: device is 'C 1'")
    watched.wait("config.json: period_ms is 1")
    watched.wait("ended")
    assert not watched.flash("boot/starts").exists()


def test_the_last_error_is_told_by_the_next_start(watched):
    watched.flash("last_error.txt").write_text("ValueError: before")
    watched.flash("reset.txt").write_text("link: silent for an hour")
    watched.board.power_on()
    assert "after link: silent for an hour" in watched.wait("on home/C001")
    assert not watched.flash("reset.txt").exists()


JUNK = b"\xff\xfe\x00\x80" * 40
FILES = "outbox/journal outbox/0000000000-1.seg boot/starts last_error.txt reset.txt model/active model/a.bin"


@pytest.mark.parametrize("damage", ["junk", "empty", "folder", "endless"])
def test_whatever_its_files_hold_a_board_starts_and_measures(watched, damage):
    for name in FILES.split():
        path = watched.flash(name)
        path.parent.mkdir(exist_ok=True, parents=True)
        if damage == "folder":
            path.mkdir()
        else:
            path.write_bytes({"junk": JUNK, "empty": b"", "endless": b"[" * 100_000}[damage])
    watched.board.power_on()
    watched.wait("readings kept")
    watched.wait_until(lambda _: len(list(watched.board.taken())) > 3, 40)
    assert not any("Restart in" in line for line in watched.lines)


@pytest.mark.parametrize(
    "text", ["a trial", "a back", "a back 00000001", "a trial zzz 0", "\xe9 trial \xfc 0", "trial"]
)
def test_half_a_word_about_a_release_on_trial_keeps_no_board_from_measuring(watched, text):
    watched.flash("app/active").write_text(text)
    watched.board.power_on()
    watched.wait("readings kept")
    watched.wait_until(lambda _: len(list(watched.board.taken())) > 3, 40)
    assert not any("Restart in" in line for line in watched.lines)


def test_what_flash_cannot_read_is_told_by_the_start(watched):
    outbox = watched.flash("outbox")
    outbox.mkdir()
    (outbox / "0000000000-1.seg").write_bytes(b"VGS1" + JUNK)
    (outbox / "0000000040-2.seg").write_bytes(header.made(b"\x9f\x3a\x1c\x07", 2, bytes(4), 40))
    watched.board.power_on()
    assert "40 readings on flash cannot be read" in watched.wait("cannot be read")
    watched.wait("outbox boot 3 of stream 9f3a1c07")


@pytest.mark.parametrize("lie", [365 * 86400 + 3600, -31 * 86400 - 3600])
def test_time_servers_that_agree_on_a_wrong_date_are_doubted_and_the_truth_is_believed_soon(tmp_path, lie):
    """On its first start: it knows the date from `make provision` alone."""
    with NtpServer() as first, NtpServer() as second:
        first.offset = second.offset = lie
        watched = Watched(tmp_path, CONFIG | {"ntp": [f"127.0.0.1:{first.port}", f"localhost:{second.port}"]})
        try:
            watched.board.power_on()
            doubt = watched.wait("doubted")
            assert f"{abs(lie) // 86400} days" in doubt and "E clock" in doubt
            first.offset = second.offset = 0
            began = time.monotonic()
            watched.wait("set by NTP", 60)
            assert time.monotonic() - began < 60
        finally:
            watched.board.power_off()


def _tail(lines):
    return [line for line in lines[lines.index("Restart in 600 s; Ctrl-C for a REPL") :] if "pin 2" in line][
        :4
    ]


def test_the_led_flickers_while_the_way_to_the_repl_is_open(watched):
    watched.board.power_on()
    watched.wait("outbox boot 1")
    pins = [line for line in watched.lines if line.startswith("pin")]
    assert pins == ["pin 2 1", "pin 2 0"] * 20


def test_without_a_led_the_window_is_there_all_the_same(watched):
    watched.flash("config.json").write_text(json.dumps(CONFIG | {"led_pin": None}))
    watched.board.power_on()
    watched.wait("starts in 2 s")
    watched.wait("outbox boot 1")
    assert not any(line.startswith("pin") for line in watched.lines)


def test_the_led_blinks_without_a_broker_and_stays_on_while_readings_are_abnormal(watched):
    watched.board.power_on()
    watched.wait("outbox boot 1")
    blinks = ["pin 2 1", "pin 2 0"] * 2
    watched.wait_until(
        lambda lines: (
            "watchdog 60000" in lines
            and [x for x in lines[lines.index("watchdog 60000") :] if "pin" in x][:4] == blinks
        ),
        40,
    )
    assert watched.board.tell("inject dropout 600", 20)
    watched.wait("ABNORMAL sensor error")
    since = len(watched.lines)
    assert watched.board.tell("ask", 20)
    assert watched.board.tell("outbox", 20)
    assert "pin 2 0" not in watched.lines[since:]


def test_safe_mode_tells_the_broker_once_what_ended_the_last_start(cloud, tmp_path):
    heard = []
    more = threading.Condition()

    def on_message(client, userdata, message):
        with more:
            heard.append((json.loads(message.payload), message.retain))
            more.notify_all()

    client = cloud.client(on_message, "vigie/1/home/C001/state")
    config = {**cloud.config(), "period_ms": 500}
    (tmp_path / "board").mkdir()
    watched = Watched(tmp_path / "board", config, cloud.ca_der)
    try:
        watched.counted("4")
        watched.flash("last_error.txt").write_text("OSError: the sensor's driver is broken")
        watched.flash("app/a/device/app.py").write_text("1 / 0\n")
        watched.board.power_on()
        watched.wait("starts in 2 s")
        watched.counted("4")
        watched.reset()
        watched.wait("state sent", 60)
        with more:
            assert more.wait_for(lambda: len(heard) >= 2, 10)
        state = heard[-1][0]
        assert state["state"] == "online" and state["reset"] == "safe mode, 4 starts failed"
        assert state["last_error"] == "OSError: the sensor's driver is broken"
        watched.wait_until(lambda lines: len(_tail(lines)) == 4)
        assert all(state["state"] == "online" for state, _ in heard), "it hung up: no last will"
    finally:
        watched.board.power_off()
        client.disconnect()
        client.loop_stop()
