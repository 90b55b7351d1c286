"""Runs under MicroPython: a Link as a board has it, commanded by lines on stdin, answering in JSON lines.

argv: config.json, a folder whose umqtt is to be used. Commands: `publish TOPIC QOS TEXT`, `big N`, `flood N`,
`wifi 0|1`, `pid N`, `echo 0|1` (publish from within on_ack), `close`, `quit`. The chip alone is played here.
"""

import json
import select
import sys
import time

here = sys.argv[0].rsplit("/", 1)[0]
sys.path.insert(0, here + "/../..")
sys.path.insert(0, sys.argv[2])

from device.clock import Clock  # noqa: E402
from device.link import Link  # noqa: E402


def tell(**event):
    print(json.dumps(event))


class Chip:
    def __init__(self, wifi):
        self.wifi = wifi

    def wifi_on(self, ssid, password):
        tell(event="wifi on", ssid=ssid)

    def wifi_off(self):
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
        tell(event="warn", text=text, ms=time.ticks_ms())


with open(sys.argv[1]) as file:
    config = json.load(file)
options = config["test"]
clock = Clock()
if options.get("dated", True):
    clock.set(time.time() - 946684800)
chip = Chip(options.get("wifi", True))
echo = False


def state(online):
    return json.dumps(
        {"state": "online" if online else "offline", "last_error": link and link.last_error()}
    ).encode()


def on_ack(payload):
    tell(event="ack", text=payload.decode())
    if echo:
        tell(event="published", id=link.publish(up, b"echo"))


up = "vigie/1/%s/%s/up" % (config["site"], config["device"])
link = None
link = Link(
    config,
    chip,
    clock,
    Log(),
    state=state,
    on_ack=on_ack,
    keepalive_s=options.get("keepalive_s", 30),
    patience_s=options.get("patience_s", 3600),
)
commands = select.poll()
commands.register(sys.stdin, select.POLLIN)
flood = longest = 0
ready = False
budget = options.get("budget_ms", 50)


def command(words):
    global flood, echo, longest
    verb = words[0]
    if verb == "publish":
        tell(event="published", id=link.publish(words[1], " ".join(words[3:]).encode(), int(words[2])))
    elif verb == "big":
        try:
            tell(event="published", id=link.publish(up, b"x" * int(words[1])))
        except ValueError as error:
            tell(event="refused", text=str(error))
    elif verb == "flood":
        flood = int(words[1])
    elif verb == "wifi":
        chip.wifi = words[1] == "1"
    elif verb == "pid":
        link._session._client.pid = int(words[1])
    elif verb == "echo":
        echo = words[1] == "1"
    elif verb == "close":
        start = time.ticks_ms()
        link.close()
        tell(event="closed", ms=time.ticks_diff(time.ticks_ms(), start))
    elif verb == "quit":
        tell(event="end", longest_ms=longest, counts=link.counts(), last_error=link.last_error())
        sys.exit(0)


while True:
    while commands.poll(0):
        line = sys.stdin.readline()
        if not line:
            sys.exit(0)
        command(line.split())
    start = time.ticks_ms()
    now_ready = link.step(budget)
    took = time.ticks_diff(time.ticks_ms(), start)
    longest = max(longest, took)
    clock.tick()
    if now_ready != ready:
        ready = now_ready
        tell(event="ready" if ready else "down")
    while flood:
        packet = link.publish(up, b"flood %d" % flood)
        if packet is None:
            break
        flood -= 1
        if not flood:
            tell(event="flooded", id=packet)
