"""Runs under MicroPython: a Link as a board has it, commanded by lines on stdin, answering in JSON lines.

argv: a config.json (with a section `test`), and the folder whose umqtt is to be used. Only the chip is played
here. `test.speed` lets the clock run faster than the world, so that deadlines of 20 s pass in two.
"""

import gc
import json
import select
import socket
import sys
import time

here = sys.argv[0].rsplit("/", 1)[0]
sys.path.insert(0, here + "/../..")
sys.path.insert(0, sys.argv[2])

from device.chip.clock import Clock  # noqa: E402
from device.link.link import Link  # noqa: E402


def tell(**event):
    print(json.dumps(event))


with open(sys.argv[1]) as file:
    config = json.load(file)
options = config.pop("test")
config["wifi2"] = options.get("wifi2")
UP = "vigie/1/%s/%s/up" % (config["site"], config["device"])


class Ticks:
    ticks_diff = staticmethod(time.ticks_diff)
    ticks_add = staticmethod(time.ticks_add)

    def __init__(self):
        self.speed = options.get("speed", 1)
        self._real = time.ticks_ms()
        self._played = 0

    def ticks_ms(self):
        now = time.ticks_ms()
        passed = time.ticks_diff(now, self._real) * self.speed
        self._real = now
        self._played = time.ticks_add(self._played, passed)
        return self._played

    def sleep_ms(self, ms):
        time.sleep_ms(ms // self.speed)


class Chip:
    wifi = options.get("wifi", True)
    dead = False  # until the radio was off for a moment

    def wifi_on(self, ssid, password):
        tell(event="wifi on", ssid=ssid, password=password)
        self.wifi = self.wifi or self.dead == "was off"

    def wifi_off(self):
        self.dead = self.dead and "was off"
        tell(event="wifi off")

    def wifi_up(self):
        return self.wifi

    def wifi_dns(self):
        return options.get("dns")

    def wifi_problem(self):
        return "no such network in reach"

    def reset(self, reason):
        tell(event="reset", reason=reason)


class Log:
    def info(self, area, text):
        tell(event="info", text=text)

    def warn(self, area, text):
        tell(event="warn", text=text)


class Driver:
    def __init__(self):
        self.ticks = Ticks()
        self.clock = Clock(self.ticks)
        if options.get("dated", True):
            self.clock.set(int(time.time()) - 946684800)
        elif options.get("earlier"):
            self.clock.floor = int(time.time()) - 946684800
        self.chip = Chip()
        self.link = None
        self.echo = False
        self.flood = 0
        self.longest = 0
        self.link = Link(
            config,
            self.chip,
            self.clock,
            Log(),
            state=self.state,
            on_ack=self.on_ack,
            keepalive_s=options.get("keepalive_s", 30),
            patience_s=options.get("patience_s", 3600),
        )

    def state(self, online):
        last_error = self.link and self.link.last_error()
        return json.dumps({"state": "online" if online else "offline", "last_error": last_error}).encode()

    def on_ack(self, payload):
        tell(event="ack", text=payload.decode())
        if self.echo:
            self.publish("echo")

    # commands

    def publish(self, *words):
        self.send(" ".join(words).encode())

    def big(self, size):
        self.send(b"x" * int(size))

    def send(self, payload):
        for _ in range(20):  # what is on its way goes first; a full window does not empty in that time
            if self.link.free():
                break
            self.step()
        tell(event="published", id=self.link.publish(UP, payload))

    def flooding(self, count):
        self.flood = int(count)

    def echoing(self):
        self.echo = True

    def wifi(self, up):
        self.chip.wifi = up == "up"

    def radio(self, dies):
        """As after active(False), or a driver that hangs."""
        self.chip.wifi = False
        self.chip.dead = True

    def date(self):
        self.clock.set(int(time.time()) - 946684800)

    def speed(self, speed):
        self.ticks.ticks_ms()
        self.ticks.speed = int(speed)

    def stream(self, count):
        """QoS 0, each sent at once while it is taken: 1,001 bytes that all say which message it is.

        The socket's own buffer is made small, as a board's is, so that it is full all the time.
        """
        so_sndbuf = 7 if sys.platform == "linux" else 0x1001
        self.link._transport._sock.setsockopt(socket.SOL_SOCKET, so_sndbuf, 4096)
        for n in range(int(count)):
            while self.link.publish(UP, b"%07d" % n * 143, 0) is None:
                self.step()
            self.link.step()

    def last_id(self, number):
        self.link._session._client.pid = int(number)

    def memory(self):
        gc.collect()
        tell(event="memory", bytes=gc.mem_alloc())

    def close(self):
        start = time.ticks_ms()
        self.link.close()
        tell(event="closed", ms=time.ticks_diff(time.ticks_ms(), start))

    def quit(self):
        link = self.link
        tell(event="end", longest_ms=self.longest, counts=link.counts(), last_error=link.last_error())
        sys.exit(0)

    def step(self):
        start = time.ticks_ms()
        ready = self.link.step(20)
        self.longest = max(self.longest, time.ticks_diff(time.ticks_ms(), start))
        self.clock.tick()
        return ready

    def run(self):
        stdin = select.poll()
        stdin.register(sys.stdin, select.POLLIN)
        was_ready = False
        while True:
            while stdin.poll(0):
                words = sys.stdin.readline().split()
                if not words:
                    return
                getattr(self, words[0])(*words[1:])
            try:
                ready = self.step()
            except KeyboardInterrupt:  # a person stopped Vigie here, and go() goes on
                tell(event="interrupted")
                continue
            if ready != was_ready:
                was_ready = ready
                tell(event="ready" if ready else "down")
            while self.flood:
                packet = self.link.publish(UP, b"flood %d" % self.flood)
                if packet is None:
                    break
                self.flood -= 1
                if not self.flood:
                    tell(event="flooded")


def interrupt(module, name, function):
    """Ctrl-C at the first call of a function, or of a class's method."""
    module = "device." + module.replace("/", ".")
    __import__(module)  # or what is borrowed would be read anew
    owner = sys.modules[module]
    if name:
        owner = getattr(owner, name)
    real = getattr(owner, function)

    def interrupted(*given):
        setattr(owner, function, real)
        raise KeyboardInterrupt

    setattr(owner, function, interrupted)


if "interrupt" in options:
    interrupt(*options["interrupt"])
Driver().run()
