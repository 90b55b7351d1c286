"""The loop on a real outbox, judge and sensor; only the network, the chip and the time are played."""

import gc
import json
import os
import sys
from binascii import hexlify

from device import codes, sensors
from device.auth import hmac_sha256
from device.chip import log
from device.chip.clock import UNIX_2000, Clock
from device.config import config
from device.judge.judge import Judge
from device.node import Node
from device.outbox.outbox import Outbox
from tests.device import scratch
from tests.device.chip.test_clock import NOW, Source
from tests.device.test_config import GOOD

KEY = b"\xab" * 32


class Board:
    reset_reason = "power on"
    fed = 0
    lit = False
    rtc = None

    def feed(self):
        self.fed += 1

    def led(self, on):
        self.lit = bool(on)

    def set_rtc(self, sec):
        self.rtc = sec


class Network:
    """A link and its broker: `up` or not; what was published is in `messages`. A step takes its time."""

    def __init__(self, source):
        self.source = source
        self.up = True
        self.busy_ms = 0  # so long the next step takes, whatever its budget
        self.messages = []
        self.states = 0
        self.error = None

    def step(self, budget_ms=0):
        self.source.real_ms += max(budget_ms, self.busy_ms, 1)
        self.busy_ms = 0
        if self.error:
            raise self.error
        return self.up

    def free(self):
        return True

    def publish(self, topic, payload):
        assert topic == b"vigie/1/home/C001/up"
        self.messages.append(json.loads(bytes(payload)))
        return 1

    def publish_state(self):
        self.states += 1

    def counts(self):
        return {"connects": 1}

    def last_error(self):
        return None


class Ntp:
    def __init__(self):
        self.sec = None
        self.again = 0

    def step(self):
        sec, self.sec = self.sec, None
        return sec

    def soon(self):
        self.again += 1


class Bench:
    """A node with everything around it, in `folder`."""

    def __init__(self, folder, period_ms=10000, **changes):
        self.source = Source()
        self.clock = Clock(self.source)
        self.lines = []
        log.print = self.lines.append
        log.clock = self.clock
        log.last_error = None
        settings = config.check(dict(GOOD, period_ms=period_ms, **changes))
        self.board = Board()
        self.outbox = Outbox(folder, settings["outbox_bytes"])
        self.sensor = sensors.open(settings["sensor"], self.clock)
        self.node = Node(settings, self.clock, self.sensor, Judge(None), self.outbox, self.board)
        self.network = self.node.link = Network(self.source)
        self.ntp = self.node.ntp = Ntp()

    def run(self, seconds):
        end = self.source.real_ms + seconds * 1000
        while self.source.real_ms < end:
            self.node.step()

    def taken(self):
        return self.outbox.newest() + 1 + self.outbox.pending()

    def ack(self, *runs, kind="ack"):
        stream = hexlify(self.outbox.stream).decode()
        text = "%s:%s:%s" % (kind, stream, ",".join("%d-%d" % run for run in runs))
        mac = hexlify(hmac_sha256(KEY, (text.encode(),))[:8]).decode()
        name = "runs" if kind == "ack" else "dropped"
        self.node.on_ack(json.dumps({"stream": stream, name: runs, "mac": mac}).encode())

    def sent(self):
        """{seq: (ts, up)} of what was published."""
        by_seq = {}
        for message in self.network.messages:
            for seq, ts, up in zip(message["seq"], message["ts"], message["up"]):
                by_seq[seq] = (ts, up)
        return by_seq


def test_samples_stay_on_the_grid_whatever_the_network_does():
    with scratch.Folder() as folder:
        bench = Bench(folder, 1000)
        for _ in range(50):
            bench.network.busy_ms = 730
            bench.run(1)
        bench.network.up = False
        bench.run(50)
        assert bench.taken() in (100, 101)
        assert "ticks missed" not in bench.node.counts


def test_ticks_that_were_slept_through_are_skipped_and_counted_and_the_grid_stays():
    with scratch.Folder() as folder:
        bench = Bench(folder, 1000)
        bench.run(10)
        bench.network.busy_ms = 3500
        bench.run(20)
        assert bench.node.counts["ticks missed"] in (2, 3)
        assert bench.taken() + bench.node.counts["ticks missed"] in (30, 31)
        assert bench.node.next % 1000 == 0


def test_each_reading_is_flushed_at_ten_seconds():
    with scratch.Folder() as folder:
        bench = Bench(folder)
        bench.run(100)
        assert bench.outbox.pending() == 0
        assert Outbox(folder, 655360).kept() == 10


def test_faster_readings_are_flushed_within_five_seconds_and_abnormal_ones_at_once():
    with scratch.Folder() as folder:
        bench = Bench(folder, 200)
        longest = 0
        for _ in range(300):
            bench.run(0.2)
            longest = max(longest, bench.outbox.pending())
        assert 10 < longest <= 25
        bench.sensor.inject("dropout", 10)
        bench.run(0.4)
        assert bench.outbox.pending() == 0


def test_readings_wait_for_the_clock_and_leave_with_their_own_time():
    with scratch.Folder() as folder:
        bench = Bench(folder)
        bench.run(30)
        assert bench.network.messages == []
        up = bench.source.real_ms // 1000
        bench.ntp.sec = NOW
        bench.run(100)
        assert bench.board.rtc == NOW
        for ts, at in bench.sent().values():
            assert abs(ts - (NOW + UNIX_2000 + at - up)) <= 1
        assert 0 in bench.sent()
        flags = bench.network.messages[0]["flags"]
        assert flags[0] & codes.CLOCK_UNSET


def test_without_any_ntp_readings_leave_undated_after_ten_minutes():
    with scratch.Folder() as folder:
        bench = Bench(folder)
        bench.run(590)
        assert bench.network.messages == []
        bench.run(30)
        assert bench.sent()[0] == (None, 0)


def test_a_date_that_cannot_be_is_told_and_asked_again():
    with scratch.Folder() as folder:
        bench = Bench(folder)
        bench.ntp.sec = 5
        bench.run(10)
        assert bench.ntp.again == 1
        assert not bench.clock.is_set()
        assert any("refused" in line for line in bench.lines)


def test_under_a_doubted_date_readings_wait_or_go_undated_and_the_truth_dates_them():
    with scratch.Folder() as folder:
        bench = Bench(folder)
        bench.clock.floor = bench.outbox.journal.seen = NOW - 3600
        for _ in range(15):  # five minutes
            bench.ntp.sec = NOW + 365 * 86400 + bench.clock.uptime()
            bench.run(20)
        assert not bench.clock.is_set() and bench.board.rtc is None
        assert len([line for line in bench.lines if "doubted" in line and "365 days after" in line]) == 1
        assert "doubted" in json.loads(bench.node.state(True))["last_error"]
        bench.ntp.sec = NOW + bench.clock.uptime()
        bench.run(10)
        assert bench.clock.is_set()
        sent = bench.sent()
        assert all(ts == NOW + up + UNIX_2000 for ts, up in sent.values()), sent


def test_a_date_that_long_nobody_contradicted_is_not_what_the_next_boot_knows():
    with scratch.Folder() as folder:
        bench = Bench(folder)
        bench.clock.floor = bench.outbox.journal.seen = NOW
        for _ in range(32):
            bench.ntp.sec = NOW + 365 * 86400 + bench.clock.uptime()
            bench.run(20)
        assert bench.clock.is_set() and bench.clock.wild
        bench.run(200)
        assert bench.outbox.journal.seen == NOW
        assert Outbox(folder, 655360).journal.seen == NOW
        bench.ntp.sec = NOW + bench.clock.uptime()
        bench.run(100)
        assert not bench.clock.wild
        assert Outbox(folder, 655360).journal.seen >= NOW + 640


def test_drift_is_corrected_by_a_new_anchor_and_old_dates_stay():
    with scratch.Folder() as folder:
        bench = Bench(folder)
        bench.ntp.sec = NOW
        bench.run(1000)
        before = bench.outbox.journal.date(1, 500)
        bench.ntp.sec = bench.clock.now() + 3
        bench.run(100)
        assert len(bench.outbox.journal.anchors) == 2
        assert bench.outbox.journal.date(1, 500) == before
        assert bench.outbox.journal.date(1, bench.clock.uptime()) == bench.clock.now()


def test_acknowledged_readings_are_freed_and_bad_acks_are_counted():
    with scratch.Folder() as folder:
        bench = Bench(folder)
        bench.ntp.sec = NOW
        bench.run(100)
        assert bench.outbox.waiting() == 10
        bench.ack((0, 4), (8, 9))
        assert bench.outbox.waiting() == 3
        bench.ack((5, 99))
        bench.node.on_ack(b"{")
        bench.node.on_ack(json.dumps({"stream": "00000000", "runs": [], "mac": ""}).encode())
        assert bench.outbox.waiting() == 3
        counts = bench.node.counts
        assert counts["acks refused: no such readings"] == 1
        assert counts["acks refused: malformed"] == 1
        assert counts["acks refused: another stream"] == 1


def test_what_is_not_acknowledged_is_sent_again_after_a_reboot_with_the_same_date():
    with scratch.Folder() as folder:
        bench = Bench(folder)
        bench.ntp.sec = NOW
        bench.run(100)
        before = bench.sent()
        assert len(before) >= 6
        later = Bench(folder)
        later.ntp.sec = NOW + 5000
        later.run(20)
        for seq, dated in before.items():
            assert later.sent()[seq] == dated


def test_an_abnormal_reading_leaves_at_once_and_the_console_says_when_it_began_and_ended():
    with scratch.Folder() as folder:
        bench = Bench(folder, 1000)
        bench.ntp.sec = NOW
        bench.run(100)
        bench.lines.clear()
        bench.sensor.inject("dropout", 3)
        seq = bench.taken()
        bench.run(1.2)
        assert seq in bench.sent()
        assert bench.board.lit
        bench.run(20)
        assert not bench.board.lit
        lines = [line for line in bench.lines if "node" in line]
        assert "ABNORMAL sensor error: no answer" in lines[0]
        assert "normal again after" in lines[1]


def test_a_sensor_that_raises_is_a_failed_read_and_told_once():
    with scratch.Folder() as folder:
        bench = Bench(folder)

        class Broken:
            def read(self, out):
                raise OSError(19)

        bench.node.sensor = Broken()
        bench.ntp.sec = NOW
        bench.run(100)
        assert bench.taken() == 10
        assert bench.node.counts["sensor exceptions"] == 10
        assert len([line for line in bench.lines if "E sensor" in line]) == 1
        assert bench.network.messages[0]["why"][0] == "driver error"
        assert json.loads(bench.node.state(True))["last_error"].startswith("sensor: OSError")


def test_an_error_in_the_link_does_not_end_the_sampling():
    with scratch.Folder() as folder:
        bench = Bench(folder)
        bench.network.error = RuntimeError("a mistake")
        bench.run(100)
        assert bench.taken() == 10
        assert bench.node.counts["link exceptions"] > 0


def test_once_a_minute_there_is_one_quiet_line():
    with scratch.Folder() as folder:
        bench = Bench(folder, 1000)
        bench.ntp.sec = NOW
        bench.run(5)
        bench.lines.clear()
        bench.run(300)
        assert len(bench.lines) == 5, bench.lines
        assert "degC" in bench.lines[0] and "not acknowledged" in bench.lines[0]


def test_state_says_what_a_person_must_know():
    with scratch.Folder() as folder:
        bench = Bench(folder)
        bench.node.crash = "ValueError: last time"
        bench.run(20)
        bench.outbox.journal.drop(3, 7)
        document = json.loads(bench.node.state(True))
        assert document["state"] == "online"
        assert (document["boot"], document["reset"], document["model"]) == (1, "power on", None)
        assert document["dropped"] == [[3, 7]] and document["dropped_why"] == ["damaged on flash"]
        assert document["refused"] == []
        assert document["learning"] == "0 h of 24; watching range, stuck, jumps"
        assert document["last_error"] == "ValueError: last time"
        assert document["counts"]["connects"] == 1
        assert document["counts"]["waiting"] == 2
        (sensor,) = document["sensors"]
        assert (sensor["index"], sensor["name"], sensor["kind"]) == (0, "simulated", "simulated")
        assert [channel["quantity"] for channel in sensor["channels"]] == ["temperature", "humidity"]
        assert sensor["channels"][0]["unit"] == "degC" and sensor["channels"][1]["unit"] == "%RH"
        assert all(
            abs(channel["scale"] - 0.01) < 1e-6 and channel["offset"] == 0 for channel in sensor["channels"]
        )
        assert document["abnormal"] == codes.ABNORMAL
        will = json.loads(bench.node.state(False))
        assert authentic(bench.node.state(False))
        will.pop("mac")
        assert will == {"v": 2, "stream": document["stream"], "boot": 1, "state": "offline"}
        bench.run(70)
        assert bench.network.states == 1  # news


def test_state_tells_the_users_own_limits_where_there_are_any():
    with scratch.Folder() as folder:
        bench = Bench(folder, limits={"t_max": 8.0, "for_minutes": 10})
        assert json.loads(bench.node.state(True))["limits"] == {"t_max": 800, "for_s": 600}
        assert "limits" not in json.loads(bench.node.state(False))
    with scratch.Folder() as folder:
        assert "limits" not in json.loads(Bench(folder).node.state(True))


def authentic(state):
    head, tail = bytes(state[:-26]), bytes(state[-26:])
    text = b"state:vigie/1/home/C001/state:" + head
    return tail == b',"mac":"%s"}' % hexlify(hmac_sha256(KEY, (text,))[:8])


def test_only_the_board_can_have_said_it():
    with scratch.Folder() as folder:
        bench = Bench(folder)
        bench.ntp.sec = NOW
        bench.run(100)
        assert authentic(bench.node.state(True)) and authentic(bench.node.state(False))
        asleep = bench.node.state(True, {"state": "sleeping", "next": 7})
        assert (
            authentic(asleep)
            and json.loads(asleep)["state"] == "sleeping"
            and json.loads(asleep)["next"] == 7
        )
        message = bench.network.messages[-1]
        assert (message["v"], message["sensor"], len(message["mac"])) == (2, 0, 16)


def test_an_ack_of_what_was_dropped_frees_no_reading_and_an_ack_of_readings_forgets_no_drop():
    with scratch.Folder() as folder:
        bench = Bench(folder)
        bench.ntp.sec = NOW
        bench.run(100)
        bench.outbox.give_up(2)
        bench.ack((0, 4), kind="drop")
        assert bench.outbox.journal.dropped == []
        assert bench.outbox.waiting() == 9  # it was given up; the others wait
        bench.outbox.give_up(3)
        bench.ack((0, 9))
        assert bench.outbox.waiting() == 0
        assert bench.outbox.journal.dropped == [[3, 3]]
        bench.ack((0, 1 << 40), kind="drop")
        assert Outbox(folder, 655360).journal.dropped == []


def test_a_dropped_run_that_grows_is_news_each_time():
    with scratch.Folder() as folder:
        bench = Bench(folder)
        bench.run(70)
        for last in (7, 8, 20):
            bench.outbox.journal.drop(3, last)
            before = bench.network.states
            bench.run(70)
            assert bench.network.states == before + 1, last


def test_a_quiet_reading_allocates_nothing():
    if sys.implementation.name != "micropython":
        return
    with scratch.Folder() as folder:
        bench = Bench(folder)
        bench.clock.set(NOW)
        for _ in range(100):
            bench.node.sample()
            bench.source.real_ms += 10000
            bench.clock.tick()
            bench.outbox.flush()
        gc.collect()
        before = gc.mem_alloc()
        for _ in range(20):
            bench.node.since_good += 1
            bench.node.sample()
        assert gc.mem_alloc() == before, gc.mem_alloc() - before


def test_memory_is_flat_over_a_day():
    if sys.implementation.name != "micropython":
        return
    with scratch.Folder() as folder:
        bench = Bench(folder)
        log.print = lambda line: None
        bench.ntp.sec = NOW

        def hours(count):
            for _ in range(count * 6):
                bench.run(600)
                if bench.outbox.waiting():
                    bench.ack((0, bench.outbox.newest()))
                bench.network.messages = []
            gc.collect()
            return gc.mem_alloc()

        first = hours(1)
        assert abs(hours(23 if os.getenv("VIGIE_FULL") else 3) - first) < 1000
