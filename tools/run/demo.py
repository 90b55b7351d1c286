"""`make demo`: all of Vigie in one terminal. Three boards measure, one goes wrong, an e-mail arrives."""

import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType

from cloud.alerts.episodes import RULES
from tools.local.sendgrid_standin import ReceivedMail
from tools.local.sensor.sensor_choice import SensorChoice
from tools.local.stack import Stack, StackPlan, shown
from tools.process.child import WrongUse
from tools.process.terminal import say
from tools.process.waiting import until

PATIENT = "C002"
PUPIL = "C003"  # somebody opens a door there, again and again
WARM_UP = 60  # readings: before that the rolling window is not full
MARGIN = 12  # readings more, so that there is something normal to see first
FAULT_S = 20
DOOR_S = 10
DOOR_EVERY_S = 60.0
OVER_TIMEOUT = 120.0
LOOK_S = 0.2  # between two looks into the database
PORTS = {"broker": 8883, "dashboard": 8501, "ntp": 8123}  # a real board uses the first and the last
LISTEN = ("127.0.0.1", "0.0.0.0")  # noqa: S104  boards on the network are let in where that is asked for


def plan(environment: Mapping[str, str] = os.environ) -> StackPlan:
    """The plan from SENSOR, LISTEN and PORT_…. Raises ToolFailed."""
    address = environment.get("LISTEN", "").strip() or LISTEN[0]
    if address not in LISTEN:
        raise WrongUse(
            f"LISTEN={address}: the demo listens to this computer alone (say nothing), "
            "or on each of its networks (LISTEN=0.0.0.0)"
        )
    sensor = SensorChoice.parse(environment.get("SENSOR") or "simulated")
    return StackPlan(
        folder=Path("var/demo" if sensor.fails_at is None else "var/coldroom"),  # with models of its own
        sensor=sensor,
        ports=PORTS,
        address=address,
        keep_history=True,
        auto_model="now",
    )


def main(argv: Sequence[str]) -> int:
    """Runs until Ctrl-C."""
    if argv:
        raise WrongUse(
            "demo takes no arguments; SENSOR=coldroom, SENSOR=replay:FILE.csv and PORT_…= go before `make`"
        )
    interrupt_on_signals()
    chosen = plan()
    try:
        show(chosen)
    except KeyboardInterrupt:
        say("demo", "all parts have ended")
    return 0


def show(chosen: StackPlan) -> None:
    """Start everything, let C002 fail once, and C003's door be opened until Ctrl-C (KeyboardInterrupt)."""
    with Stack(
        chosen,
        on_mail=tell_mail,
        on_board_line=tell_board,
        on_board_event=tell_chip,
        on_death=lambda name: say(name, f"ended by itself: see its log in {chosen.folder}/log", "trouble"),
    ) as stack:
        say(
            "demo",
            f"all is up. Open {stack.dashboard_url} and watch {PATIENT}. Ctrl-C ends everything",
            "good",
        )
        say(
            "demo",
            f"answer an episode: Log in, with the password {stack.secrets.login}",
        )
        say(
            "demo",
            f"ask it yourself in another terminal: . {shown(stack.settings_file)} (docs/operations.md)",
        )
        if chosen.address != LISTEN[0]:
            say(
                "demo", "a real board joins: make demo-board DEVICE=C004, in another terminal (docs/board.md)"
            )
        period = chosen.period_ms / 1000
        wait = (WARM_UP + MARGIN) * period
        if chosen.sensor.fails_at is not None:
            tell_cold_room(stack, chosen.sensor.fails_at * period)
        else:
            say("demo", f"{PATIENT} warms up; it will fail in {wait:.0f} s, for {FAULT_S} s")
            time.sleep(wait)
            failed_at = time.time()
            fail(stack)
            tell_end(stack, failed_at)
        if chosen.sensor.recording is None and chosen.sensor.fails_at is None:
            teach(stack)
        threading.Event().wait()


def tell_cold_room(stack: Stack, plays_s: float) -> None:
    """C002 plays a failure, `plays_s` after its first reading: say so, and how soon the mail came."""
    from tools.local.sensor.coldroom import PERIOD  # noqa: PLC0415  the simulator takes its time to load

    fast = round(1000 * PERIOD / stack.plan.period_ms)
    begun = time.time()
    board = partial(stack.reader.readings, stack.site, PATIENT)
    until(lambda: len(board(start=begun)) > 0, OVER_TIMEOUT, LOOK_S)
    now = board(start=begun)
    left = max(0.0, plays_s - float(now.up[-1])) if len(now) else plays_s
    say(
        "demo",
        f"a second is {fast} s of a cold room. {PATIENT} defrosts; its compressor dies in {left:.0f} s",
    )
    time.sleep(left)
    failed_at = time.time()
    say(
        PATIENT, "FAILS now: its compressor is dead. The air warms as in a defrost, and stays warm", "warning"
    )

    def mail_times() -> list[float]:
        return [m.received for m in stack.sendgrid.mails if m.received >= failed_at and PATIENT in m.subject]

    if until(mail_times, OVER_TIMEOUT, LOOK_S):
        minutes = (mail_times()[0] - failed_at) * fast / 60
        say(
            PATIENT, f"the mail came {minutes:.0f} minutes of the cold room after its compressor died", "good"
        )
    else:
        say(PATIENT, f"no mail in {OVER_TIMEOUT:.0f} s: did one go out half an hour ago? (docs/alerts.md)")


def fail(stack: Stack) -> None:
    """Let C002 fail and recover, and say so."""
    board = stack.boards[PATIENT]
    what = {
        "inject offset": "its sensor reads 3 degC too warm and 6 %RH too dry",
        "unplug": "its sensor is unplugged",
    }
    fault = stack.plan.sensor.fault
    say(PATIENT, f"FAILS now: {what[fault]}, for {FAULT_S} s", "warning")
    if not board.tell(f"{fault} {FAULT_S}", timeout=10):
        say(PATIENT, f"does not hear us: is it measuring? See {shown(board.log)}", "trouble")
    time.sleep(FAULT_S)
    say(
        PATIENT,
        f"has RECOVERED. {RULES.quiet_readings} readings like those before the fault end its episode; "
        "while its windows still hold the fault, the dashboard shows it as settling",
        "good",
    )


def teach(stack: Stack) -> None:
    """Somebody opens a door at C003 every minute: it alarms until a person has said what that is."""
    say(
        "demo",
        f"somebody opens a door at {PUPIL} every minute. Answer its mail, or its episode, with Door: within "
        "a minute it judges with its next model, and the door alarms no more",
        "good",
    )
    say("demo", f"Door as an answer to {PATIENT}'s fault changes nothing: no model may miss such a fault")
    alarmed = None
    while True:
        opened_at = time.time()
        stack.boards[PUPIL].tell(f"door {DOOR_S}")
        time.sleep(DOOR_EVERY_S)
        about = stack.reader.episodes(stack.site, PUPIL, start=opened_at)
        before, alarmed = alarmed, any(episode.opened >= opened_at for episode in about)
        if not alarmed and before is not False:
            say(PUPIL, "did not alarm at its door: it has learned what that is", "good")


def tell_end(stack: Stack, failed_at: float) -> None:
    """Wait until the episode since `failed_at` (Unix s) is over; say so, and why no mail came if none did."""
    about = partial(stack.reader.episodes, stack.site, PATIENT, start=failed_at)
    if not until(lambda: any(episode.closed for episode in about()), OVER_TIMEOUT, LOOK_S):
        say(PATIENT, f"still goes on after {OVER_TIMEOUT:.0f} s: see the page Episodes", "warning")
        return
    over = next(episode for episode in about() if episode.closed)
    began = time.strftime("%H:%M:%S", time.localtime(over.opened))
    say(PATIENT, f"its episode is over: {over.abnormal} abnormal readings since {began}", "good")
    if not any(mail.received >= failed_at and PATIENT in mail.subject for mail in stack.sendgrid.mails):
        say(
            "mail",
            f"none about this: one about {PATIENT} went out less than half an hour ago (docs/alerts.md)",
        )


def interrupt_on_signals() -> None:
    """SIGTERM and a closed terminal are what Ctrl-C is: a KeyboardInterrupt, which unwinds the stack."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)


def tell_mail(mail: ReceivedMail) -> None:
    page = mail.file.with_suffix(".html")
    say("mail", f"{mail.subject} -> {shown(page if page.exists() else mail.file)}", "warning")


def tell_board(name: str, line: str) -> None:
    """The lines of a console that a person wants to see: warnings, errors, connecting, disconnecting."""
    mark, text = line[9:10], line[11:].strip()
    if mark in ("!", "E"):
        say(name, text, "trouble" if mark == "E" else "warning")
    elif any(word in text for word in ("connected", "normal again", "loaded", "in use")):
        say(name, text)


def tell_chip(name: str, event: str) -> None:
    if event.startswith(("crashed", "watchdog bit", "ended")):
        say(name, event, "trouble")
