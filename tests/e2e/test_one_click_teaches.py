"""The mail about a door is answered, and the next door brings none: on the parts of the demo."""

import re
import time
from urllib.parse import unquote

import pytest

from cloud.alerts.links import Links
from cloud.contract.keys import link_key
from cloud.dashboard.views.answer import record
from cloud.learning.answers import opens
from tests.cloud.conftest import wait_for
from tools.local.sensor.sensor_choice import SensorChoice
from tools.local.stack import SITE, Stack, StackPlan
from tools.run.account import account
from tools.run.demo import DOOR_S, PUPIL, WARM_UP

PERIOD_S = 0.5
DEADLINE = 240.0  # for what hangs; the time that it takes is printed


class ThirdRoom(SensorChoice):
    """What C003 measures in the demo, for the first board."""

    def options(self, number):
        return super().options(number + 2)

    def history(self, number, period_s, seconds):
        return super().history(number + 2, period_s, seconds)


def press(stack, mail, cause):
    """The button `cause` of a mail, as the page behind it writes it down."""
    links = Links(link_key(stack.secrets.master_key))
    text = mail.file.with_suffix(".txt").read_text()
    allowed = [links.read(unquote(token)) for token in re.findall(r"token=(\S+)", text)]
    (chosen,) = [each for each in allowed if each.act == cause]
    database = stack.reader.database
    episodes = database["alerts"].find_one({"_id": chosen.alert})["episodes"]
    database["labels"].insert_one(record(chosen, episodes, time.time()))


def whole(stack, taken):
    """What is stored since the board's first reading, once it is as much as its sensor gave."""
    stored = stack.reader.readings(SITE, PUPIL, start=taken[0].host_ts - 1)
    return stored if len(stored) >= len(taken) else None


@pytest.mark.long  # tests/cloud/learning/test_loop has the same without a board
def test_a_door_that_was_answered_alarms_no_more(tmp_path):
    plan = StackPlan(
        tmp_path,
        boards=(PUPIL,),
        sensor=ThirdRoom(),
        period_ms=int(1000 * PERIOD_S),
        keep_history=True,
        auto_model="now",
        dashboard=False,
    )
    with Stack(plan) as stack:
        board, database = stack.boards[PUPIL], stack.reader.database

        def opened(since):
            return [e for e in stack.reader.episodes(SITE, PUPIL, start=since) if e.opened >= since]

        def judged():
            """The model of the newest reading."""
            return (
                (database["latest"].find_one({"_id": f"{SITE}/{PUPIL}"}) or {})
                .get("reading", {})
                .get("model")
            )

        first = wait_for(judged, "its first model", DEADLINE)
        wait_for(lambda: len(list(board.taken())) > WARM_UP + 10, "its windows", DEADLINE)
        began = time.time()
        assert board.tell(f"door {DOOR_S}", 10)
        wait_for(lambda: opened(began), "its alarm", DEADLINE)
        mail = wait_for(
            lambda: next((m for m in stack.sendgrid.mails if PUPIL in m.subject), None), "its mail", DEADLINE
        )
        wait_for(lambda: all(e.closed for e in opened(began)), "its end", DEADLINE)

        answered, answered_at = time.monotonic(), time.time()
        press(stack, mail, "door")
        wait_for(lambda: judged() not in (None, first), "its next model", DEADLINE)
        took = time.monotonic() - answered
        known = database["learning"].find_one({"_id": f"{SITE}/{PUPIL}"})
        result = known["result"]
        assert known["model"] == judged() and known["raised"] and result["silent"] == 1
        assert result["recall_before"] > 60 and not result["reasons"]

        again = time.time()
        assert board.tell(f"door {DOOR_S}", 10)
        wait_for(lambda: time.time() > again + DOOR_S + 5, "the door is shut", 30)
        assert board.tell("stop", 20)
        taken = list(board.taken())
        stored = wait_for(lambda: whole(stack, taken), "all of its readings", 60)
        tally = account(taken, stored)
        assert (tally.lost, tally.surplus, tally.misdated, tally.twin_differs) == (0, 0, 0, 0), tally
        assert opens(stored.edge_flags[(stored.ts >= began) & (stored.ts < answered_at)])
        assert not opens(stored.edge_flags[stored.ts >= again])
        print(f"{took:.0f} s from the answer to the first reading of model {known['model']}")
