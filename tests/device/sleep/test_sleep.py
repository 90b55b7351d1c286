"""A board that sleeps, on a real outbox, judge and sensor; chip, radio, broker and time are played."""

import gc
import json
import os
from binascii import hexlify

from device import sensors
from device.auth import hmac_sha256
from device.chip import log
from device.chip.clock import UNIX_2000, Clock
from device.chip.ticks import Ticks
from device.config import config
from device.judge.judge import Judge
from device.node import Node
from device.outbox.outbox import Outbox
from device.sleep.duty import Duty
from device.sleep.sleeper import Sleeper
from tests.device import scratch
from tests.device.chip.test_clock import NOW, Source
from tests.device.test_config import GOOD

KEY = b"\xab" * 32
if hasattr(gc, "freeze"):
    gc.freeze()  # on CPython each collection would look at all that pytest brought along


class Asleep(Exception):
    """machine.deepsleep() never returns."""


class World:
    """What goes on when the board sleeps: the time, its RTC, the flash, a broker, a cloud. Plays one chip."""

    reset_reason = "power on"

    def __init__(self, folder, readings=None, **changes):
        self.folder = folder
        self.readings = readings  # a function of the number of the tick, or None: the simulated room
        self.settings = config.check(dict(GOOD, sleep=True, **changes))
        self.real_ms = 0
        self.wall_ms = 5000  # the chip's RTC
        self.off_ppm = 0  # by which its oscillator is off while the chip sleeps
        self.wake_ms = 0  # from the timer to Vigie
        self.memory = b""
        self.up = True  # the network
        self.cloud = True
        self.ntp = True
        self.source = Source()
        self.connects = 0
        self.slept_ms = 0
        self.states = []
        self.sent = []
        self.lines = []
        self.good = 0
        self.begin("power on")

    # The chip

    def begin(self, reason):
        self.source = Source()
        self.source.time_ns = lambda: (self.wall_ms + self.source.real_ms) * 1000000
        self.began_ms = self.real_ms
        self.reset_reason = reason
        if reason != "deep sleep":
            self.memory = b""
        self.source.real_ms += self.wake_ms
        log.print = self.lines.append
        log.last_error = None
        sleeper = Sleeper(self.settings, self, self.network, source=self.source)
        clock = log.clock = Clock(sleeper.ticks)
        self.outbox = Outbox(self.folder, self.settings["outbox_bytes"])
        sensor = sensors.open(self.settings["sensor"], clock) if self.readings is None else Given(self)
        node = self.node = Node(self.settings, clock, sensor, Judge(None), self.outbox, self)
        node.sleeper = sleeper
        self.stepped = False
        if not (sleeper.woke and sleeper.wake(node)):
            clock.floor = self.outbox.journal.seen
            self.network(node, None)
            sleeper.start(node)

    def now_ms(self):
        return self.began_ms + self.source.real_ms

    def turn(self):
        """One turn of the loop; a sleep if that is what follows."""
        try:
            self.node.step()
            self.node.sleeper.rest(self.node)
        except Asleep as error:
            ms = error.args[0]
            self.good += self.node.good
            awake = self.source.real_ms
            self.slept_ms += ms
            self.wall_ms += awake + ms
            self.real_ms = self.began_ms + awake + ms + ms * self.off_ppm // 1000000
            self.begin("deep sleep")

    def run(self, seconds):
        end = self.now_ms() + seconds * 1000
        while self.now_ms() < end:
            self.turn()

    def cut(self, reason="power on"):
        """Whatever the chip was doing, it starts again now."""
        self.real_ms = self.now_ms()
        self.wall_ms = 0
        self.begin(reason)

    def rtc_memory(self, *data):
        if data:
            assert len(data[0]) <= 2048
            self.memory = data[0]
        return self.memory

    def deepsleep(self, ms):
        assert self.outbox.pending() == 0
        raise Asleep(ms)

    def feed(self):
        pass

    def led(self, on):
        pass

    def set_rtc(self, sec):
        self.wall_ms = sec * 1000 - self.source.real_ms

    def wifi_off(self):
        pass

    # The application, the link, NTP

    def network(self, node, settings):
        node.link = Broker(self)
        node.ntp = Servers(self)


class Given:
    """A sensor that gives `world.readings` of the tick that is nearest."""

    def __init__(self, world):
        self._world = world

    def read(self, out):
        world = self._world
        readings = world.readings((world.now_ms() + 2000) // world.settings["period_ms"])
        if readings is None:
            return 1
        out[0], out[1] = readings
        return 0


class Broker:
    def __init__(self, world):
        self._world = world
        self._after = world.now_ms() + 800
        self._acks = []
        self._was = False

    def ready(self):
        return self._world.up and self._world.now_ms() >= self._after

    def step(self, ms=0):
        world = self._world
        world.source.real_ms += max(1, ms)
        if self.ready() and not self._was:
            self._was = True
            world.connects += 1
        for payload in self._acks:
            world.node.on_ack(payload)
        self._acks = []
        return self.ready()

    def free(self):
        return True

    def publish(self, topic, payload):
        world = self._world
        message = json.loads(bytes(payload))
        world.sent.append(message)
        if world.cloud:
            stream = message["stream"]
            runs = []
            for seq in message["seq"]:
                if runs and runs[-1][1] == seq - 1:
                    runs[-1][1] = seq
                else:
                    runs.append([seq, seq])
            text = "ack:%s:%s" % (stream, ",".join("%d-%d" % tuple(run) for run in runs))
            mac = hexlify(hmac_sha256(KEY, (text.encode(),))[:8]).decode()
            self._acks.append(json.dumps({"stream": stream, "runs": runs, "mac": mac}).encode())
        return 1

    def publish_state(self):
        pass

    def counts(self):
        return {"connects": 1} if self._was else {"tcp errors": 1}

    def last_error(self):
        return None

    def close(self, wait_ms, last=None):
        if last and self.ready():
            state = json.loads(last)
            text = b"state:vigie/1/home/C001/state:" + bytes(last[:-26])
            assert state["mac"].encode() == hexlify(hmac_sha256(KEY, (text,))[:8])
            self._world.states.append(state)
            return True
        return False


class Servers:
    def __init__(self, world):
        self._world = world
        self._done = False

    def step(self):
        world = self._world
        if self._done or not world.ntp or not world.node.link.ready():
            return None
        self._done = True
        return NOW + world.now_ms() // 1000

    def soon(self):
        self._done = False


def room(tick):
    """A quiet room that is the same for whoever asks."""
    return 2200 + tick // 9 % 30 + tick * 7919 % 5 - 2, 4000 + tick * 104729 % 9 - 4


def records(world):
    """Everything on flash by seq: (tick, features, flags, why, score)."""
    import struct

    from device.outbox.segment import SIZE

    by_seq = {}
    view = memoryview(bytearray(SIZE))
    for seq in range(world.outbox.newest() + 1):
        part = world.outbox.find(seq)
        if part and world.outbox.read(part, seq, view):
            up, *rest = struct.unpack_from("<I8hHBBi", view)
            by_seq[seq] = (part[2], up, rest)
    return by_seq


def sent(world):
    """{seq: (ts, boot)}; each one must have been sent with one date only."""
    by_seq = {}
    for message in world.sent:
        for seq, ts in zip(message["seq"], message["ts"]):
            assert by_seq.get(seq, (ts, message["boot"]))[0] == ts
            by_seq[seq] = (ts, message["boot"])
    return by_seq


def test_a_night_of_sleep_leaves_the_records_that_a_night_awake_leaves():
    with scratch.Folder() as folder:
        os.mkdir(folder + "/a")
        os.mkdir(folder + "/b")
        asleep = World(folder + "/a", room)
        asleep.cloud = False  # so that all stays on flash
        asleep.run(1500)
        assert asleep.slept_ms > 1000000
        awake = World(folder + "/b", room)
        awake.cloud = False
        awake.node.sleeper.rest = lambda node: None
        awake.run(1500)
        mine, other = records(asleep), records(awake)
        assert len(mine) >= 149
        for seq in range(149):
            assert mine[seq][2][:8] == other[seq][2][:8], seq
            assert mine[seq][2][8:] == other[seq][2][8:], seq
            assert abs(mine[seq][1] - 10 * seq) <= 1 and mine[seq][0] == 1


def test_quiet_readings_gather_and_arrive_once_with_their_own_dates():
    with scratch.Folder() as folder:
        world = World(folder, room)
        world.run(2000)
        assert world.connects == 5, world.connects
        sent_readings = sent(world)
        assert len(sent_readings) >= 160
        assert sum(len(message["seq"]) for message in world.sent) == len(sent_readings), (
            "nothing was sent twice"
        )
        for seq in sent_readings:
            assert abs(sent_readings[seq][0] - (NOW + UNIX_2000 + 10 * seq)) <= 1
        state = world.states[-1]
        assert state["state"] == "sleeping" and state["boot"] == 1 and state["reset"] == "power on"
        due = state["next"] - UNIX_2000 - NOW
        assert abs(due - 2000) <= 3 and state["counts"]["connects"] == 5
        assert "ticks missed" not in state["counts"]
        assert world.good > 100


def test_an_abnormal_reading_goes_at_once_and_a_quiet_one_does_not():
    with scratch.Folder() as folder:
        world = World(folder, lambda tick: None if tick == 20 else room(tick))
        world.run(195)
        assert world.connects == 1
        world.run(20)
        assert world.connects == 2
        assert 20 in sent(world) and 19 in sent(world)
        world.run(375)
        assert world.connects == 2


def test_without_a_network_it_tries_less_and_less_and_loses_nothing():
    with scratch.Folder() as folder:
        world = World(folder, lambda tick: None if tick % 3 else room(tick))
        world.run(30)
        world.up = False
        before = world.slept_ms
        world.run(3600)
        assert world.slept_ms - before > 2500000, world.slept_ms
        world.up = True
        world.run(900)
        sent_readings = sent(world)
        assert sorted(sent_readings) == list(range(max(sent_readings) + 1)) and max(sent_readings) > 400
        assert world.outbox.waiting() < 45


def test_an_oscillator_that_is_off_is_corrected_with_each_connection():
    for ppm in (30000, -30000):
        with scratch.Folder() as folder:
            world = World(folder, room)
            world.run(300)
            world.off_ppm = ppm
            world.run(2000)
            sent_readings = sent(world)
            real = {seq: sent_readings[seq][0] - NOW - UNIX_2000 for seq in sent_readings}
            newest = max(real)
            assert abs(real[newest] - world.now_ms() // 1000) < 420
            assert world.node.counts.get("dates refused", 0) == world.node.clock.refused == 0
            assert abs(world.states[-1]["next"] - UNIX_2000 - NOW - world.now_ms() // 1000) < 420
            ups = [up for _, up, _ in records(world).values()]
            assert ups == sorted(ups)


def test_power_that_goes_at_any_moment_loses_nothing_that_was_measured():
    with scratch.Folder() as folder:
        world = World(folder, room)
        taken = 0
        for cut in range(60):
            for _ in range(1 + cut * 7 % 23):
                world.turn()
            newest = world.outbox.newest()
            assert newest >= taken - 1
            taken = newest + 1
            world.cut(("power on", "watchdog", "hard reset")[cut % 3])
            assert world.outbox.newest() == newest
        world.run(900)
        sent_readings = sent(world)
        assert sorted(sent_readings) == list(range(max(sent_readings) + 1))
        assert max(boot for _, boot in sent_readings.values()) > 20


def test_damaged_or_foreign_rtc_memory_is_a_fresh_start_that_is_counted():
    def damaged(memory):
        return memory[:100] + b"x" + memory[101:]

    for spoil in (damaged, lambda memory: b"", lambda memory: b"somebody else's" * 9):
        with scratch.Folder() as folder:
            world = World(folder, room)
            world.run(95)
            world.memory = spoil(world.memory)
            world.begin("deep sleep")
            assert world.node.counts == {"sleeps forgotten": 1}
            assert world.outbox.boot == 2 and world.node.clock.uptime() == 0
            world.run(300)
            assert {boot for _, boot in sent(world).values()} == {1, 2}
            assert world.states[-1]["counts"]["sleeps forgotten"] == 1


def test_flash_that_is_not_as_it_was_left_is_a_fresh_start():
    with scratch.Folder() as folder:
        world = World(folder, room)
        world.run(95)
        name = [name for name in os.listdir(folder) if name.endswith(".seg")][0]
        with open(folder + "/" + name, "ab") as file:
            file.write(b"torn")
        world.begin("deep sleep")
        assert world.outbox.boot == 2 and world.node.counts["sleeps forgotten"] == 1


def test_a_board_does_not_sleep_while_flash_refuses_what_is_in_ram():
    with scratch.Folder() as folder:
        world = World(folder, room)
        world.run(45)
        flush = world.outbox.flush
        world.outbox.flush = lambda: False
        slept = world.slept_ms
        node = world.node
        for _ in range(600):
            world.turn()
        assert world.node is node and world.slept_ms == slept and world.outbox.pending() > 3
        world.outbox.flush = flush
        world.run(30)
        assert world.slept_ms > slept


def test_ticks_that_were_slept_through_are_counted_and_the_grid_stays():
    with scratch.Folder() as folder:
        world = World(folder, room)
        world.run(95)
        world.real_ms += 33000  # the timer was late, and the RTC knows
        world.wall_ms += 33000
        world.begin("deep sleep")
        world.run(300)
        assert world.node.counts["ticks missed"] == 3
        ups = sorted(up for _, up, _ in records(world).values())
        assert [up for up in ups if up % 10] == [132], "one late sample, then the grid of before"


def test_the_board_wakes_as_much_earlier_as_waking_takes():
    with scratch.Folder() as folder:
        world = World(folder, room)
        world.wake_ms = 1700
        world.run(300)
        assert "ticks missed" not in world.node.counts
        ups = [up for _, up, _ in records(world).values()]
        assert [up % 10 for up in ups[12:]] == [0] * len(ups[12:])


def test_an_rtc_that_was_set_is_not_believed():
    ticks = Ticks(Source())
    ticks._source.time_ns = lambda: 10**18
    ticks._source.real_ms = 120
    assert ticks.woke(5000, 70000, 9000) == 9120
    assert ticks.ticks_ms() == 79120
    ticks._source.time_ns = lambda: 14500 * 10**6
    assert ticks.woke(5000, 70000, 9000) == 9500


def test_quiet_readings_share_a_connection_and_failures_make_it_wait_twice_as_long():
    for period_ms, gather_s in ((5000, 200), (10000, 400), (60000, 2400), (300000, 3600), (3600000, 3600)):
        assert Duty(period_ms).gather_ms() == gather_s * 1000
    duty = Duty(60000)
    assert duty.wants(0, False)
    assert duty.connected(60, True) == 60 + 2399
    assert not duty.wants(2458, False) and duty.wants(2459, False) and duty.wants(61, True)
    waits = [duty.connected(10000, False) - 9999 for _ in range(8)]
    assert waits == [60, 120, 240, 480, 960, 1920, 2400, 2400]
    assert not duty.wants(10001, True), "a network that is gone must not empty the battery"
