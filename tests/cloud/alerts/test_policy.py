"""Policy: who gets which mail, and when. Pure; time is a number that goes up."""

import dataclasses
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.alerts.episodes import Again, Changed, Closed, Episode, Opened, Worse
from cloud.alerts.policy import BOARD_SHARE, DAY, LINES, WINDOW, Acknowledged, PolicyState, decide
from cloud.contract.messages import SIBLINGS
from cloud.settings import AlertSettings
from device import codes

NOON = 1_799_928_000.0  # 2027-01-14 12:00 UTC
RULES = AlertSettings()
MINUTE, HOUR = 60.0, 3600.0


def episode(name="C001", severity="warning", **more):
    values = {
        "id": f"demo/{name}/9f3a1c07/1",
        "site": "demo",
        "device": name,
        "stream": "9f3a1c07",
        "opened": NOON,
        "last": NOON,
        "last_seq": 1,
        "closed": None,
        "severity": severity,
        "abnormal": 3,
        "agreed": 3,
        "edge_flags": 4,
        "cloud_flags": 8,
        "late": False,
    }
    return Episode(**{**values, **more})


class World:
    """A policy that lives through time; what it wrote is kept."""

    def __init__(self, now=NOON, **rules):
        self.state, self.now, self.rules = PolicyState(), now, dataclasses.replace(RULES, **rules)
        self.letters = []
        self.see()

    def see(self, *happenings, after=0.0, unsaid=False):
        self.now += after
        self.state, written = decide(self.state, happenings, self.now, self.rules, unsaid=unsaid)
        self.letters += written
        return written

    def wait(self, seconds, step=60.0):
        written = []
        for _ in range(int(seconds / step)):
            written += self.see(after=step)
        return written


def kinds(letters):
    return [letter.kind for letter in letters]


def test_an_episode_is_told_once_however_it_grows():
    world = World(repeat=0)
    an_episode = episode()
    assert kinds(world.see(Opened(an_episode))) == ["opening"]
    assert kinds(world.see(*[Changed(an_episode)] * 10_000, after=1)) == []
    assert kinds(world.wait(3 * HOUR)) == []


def test_a_slow_drift_alone_waits_for_the_digest():
    world = World(repeat=0)
    an_episode = episode(edge_flags=codes.DRIFT, cloud_flags=0)
    assert kinds(world.see(Opened(an_episode))) == []
    assert kinds(world.see(Changed(an_episode), after=HOUR)) == []
    assert kinds(world.see(Closed(msgspec.structs.replace(an_episode, closed=world.now)), after=HOUR)) == []
    (digest,) = world.wait(DAY)
    assert digest.kind == "digest" and [(line.id, line.untold) for line in digest.lines] == [
        (an_episode.id, True)
    ]


@pytest.mark.parametrize(
    "more",
    [{"edge_flags": codes.DRIFT | codes.EXCURSION}, {"cloud_flags": SIBLINGS}, {"cloud_flags": codes.FOREST}],
)
def test_a_drift_that_something_confirms_is_told_at_once(more):
    world = World(repeat=0)
    an_episode = episode(edge_flags=codes.DRIFT, cloud_flags=0)
    assert kinds(world.see(Opened(an_episode))) == []
    assert kinds(world.see(Changed(msgspec.structs.replace(an_episode, **more)), after=MINUTE)) == ["opening"]
    assert kinds(World().see(Opened(msgspec.structs.replace(an_episode, **more)))) == ["opening"]
    assert kinds(World().see(Opened(msgspec.structs.replace(an_episode, severity="severe")))) == ["opening"]


def test_its_end_is_a_line_of_the_digest():
    world = World()
    an_episode = episode()
    world.see(Opened(an_episode))
    world.see(Closed(msgspec.structs.replace(an_episode, closed=NOON + 60)), after=60)
    (digest,) = world.wait(DAY)
    assert digest.kind == "digest" and [line.id for line in digest.lines] == [an_episode.id]
    assert datetime.fromtimestamp(world.state.digested, ZoneInfo("UTC")).hour == 8
    assert world.wait(2 * DAY, 600) == []


def test_what_becomes_severe_is_told_again_once():
    world = World(repeat=0)
    world.see(Opened(episode()))
    worse = episode(severity="severe")
    assert kinds(world.see(Worse(worse), after=5)) == ["worse"]
    assert kinds(world.wait(HOUR)) == []


def test_flapping_is_one_mail():
    world = World(repeat=0)
    an_episode = episode()
    world.see(Opened(an_episode))
    for _ in range(50):
        world.see(Closed(msgspec.structs.replace(an_episode, closed=world.now)), after=60)
        world.see(Again(an_episode), after=60)
    assert kinds(world.letters) == ["opening"] and world.state.lines == {}


def test_what_goes_on_and_is_severe_now_is_told_though_it_was_told_as_a_warning():
    world = World(repeat=0)
    an_episode = episode()
    world.see(Opened(an_episode))
    world.see(Closed(msgspec.structs.replace(an_episode, closed=world.now)), after=60)
    assert kinds(world.see(Again(an_episode), Worse(episode(severity="severe")), after=60)) == ["worse"]


def test_a_second_episode_of_a_board_waits_for_the_cool_down():
    world = World(repeat=0)
    first, second = episode(), episode(id="demo/C001/9f3a1c07/900")
    world.see(Opened(first))
    world.see(Closed(msgspec.structs.replace(first, closed=world.now)), after=60)
    assert world.see(Opened(second), after=60) == []
    (letter,) = world.wait(29 * MINUTE)
    assert letter.kind == "opening" and letter.held == "cool-down"


def test_a_severe_episode_does_not_cool_down_after_a_warning():
    world = World()
    world.see(Opened(episode()))
    assert kinds(world.see(Opened(episode(id="x/x/x/2", severity="severe")), after=1)) == ["opening"]


@pytest.mark.parametrize("kind, severity", [("claim", "severe"), ("flood", "warning")])
def test_what_a_board_measures_does_not_hold_back_that_it_floods_or_that_two_claim_to_be_it(kind, severity):
    """Nor the other way round: whoever has the board's key would keep its theft quiet by a severe reading."""
    world = World(repeat=0)
    assert kinds(world.see(Opened(episode(severity="severe")))) == ["opening"]
    theft = episode(id=f"demo/C001/{kind}/1799928000", severity=severity, kind=kind)
    assert kinds(world.see(Opened(theft), after=MINUTE)) == ["opening"]
    world.see(Closed(theft), after=MINUTE)
    again = msgspec.structs.replace(theft, id=f"demo/C001/{kind}/1799928130")
    assert kinds(world.see(Opened(again), after=MINUTE)) == []  # it cools down by itself


def test_what_ended_while_it_waited_is_a_line_marked_as_untold():
    world = World()
    first, second = episode(), episode(id="demo/C001/9f3a1c07/900")
    world.see(Opened(first))
    world.see(Opened(second), after=60)
    world.see(Closed(second), after=60)
    assert world.wait(HOUR) == [] and world.state.lines[second.id].untold


def test_in_quiet_hours_a_warning_waits_and_a_severe_one_does_not():
    paris = ZoneInfo("Europe/Paris")
    night = datetime(2027, 1, 14, 23, 0, tzinfo=paris).timestamp()
    world = World(night, quiet_hours=(22 * 60, 7 * 60), zone="Europe/Paris", repeat=0, digest_minute=12 * 60)
    assert world.see(Opened(episode())) == []
    assert kinds(world.see(Opened(episode("C002", "severe")), after=1)) == ["opening"]
    (letter,) = world.wait(10 * HOUR)
    assert letter.held == "quiet hours"
    assert datetime.fromtimestamp(world.state.followed[letter.episodes[0]].mailed, paris).hour == 7


def test_reminders_come_after_twice_as_long_each_time_until_somebody_has_seen_it():
    world = World(digest_minute=0)
    an_episode = episode(severity="severe")
    world.see(Opened(an_episode))
    times = []
    for _ in range(int(3 * DAY / 600)):
        if [letter for letter in world.see(after=600) if letter.kind == "reminder"]:
            times.append((world.now - NOON) / HOUR)
    assert times == [4, 12, 28, 60]
    world.see(Acknowledged((an_episode.id,)))
    assert "reminder" not in kinds(world.wait(10 * DAY, 3600))


def test_nobody_answers_so_the_second_address_hears_of_it_once():
    world = World(second_cost=2, repeat=0)
    world.see(Opened(episode(severity="severe")), Opened(episode("C002")))
    (letter,) = world.wait(3 * HOUR)
    assert letter.kind == "escalation" and letter.second and letter.episodes == (episode().id,)


def test_an_answer_in_time_keeps_the_second_address_out():
    world = World(second_cost=1, repeat=0)
    an_episode = episode(severity="severe")
    world.see(Opened(an_episode))
    world.see(Acknowledged((an_episode.id,)), after=30 * MINUTE)
    assert world.wait(3 * HOUR) == []


def test_a_thousand_boards_at_once_are_one_mail():
    world = World(repeat=0)
    (letter,) = world.see(*(Opened(episode(f"B{k}", "severe")) for k in range(1000)))
    assert letter.kind == "together" and len(letter.episodes) == 1000


def test_a_thousand_boards_in_a_minute_are_a_few_mails():
    world = World(repeat=0)
    for k in range(1000):
        world.see(Opened(episode(f"B{k}", "severe")), after=0.06)
    world.wait(HOUR)
    assert kinds(world.letters) == ["opening"] * 5 + ["together"]
    assert sum(len(letter.episodes) for letter in world.letters) == 1000


def test_when_the_budget_is_used_up_one_mail_says_so_and_nothing_is_lost():
    world = World(repeat=0, per_day=10, single=1000, digest_minute=23 * 60)
    for k in range(100):
        world.see(Opened(episode(f"B{k}", "severe")), after=WINDOW)
    today = [letter for letter in world.letters if letter.kind != "digest"]
    assert kinds(today)[:9] == ["opening"] * 8 + ["budget"] and world.state.spent <= 10
    world.wait(2 * DAY, 600)
    names = [name for letter in world.letters for name in letter.episodes]
    assert sorted(names) == sorted(episode(f"B{k}").id for k in range(100))


def test_a_share_is_kept_for_severe_ones():
    world = World(repeat=0, single=1000, per_day=100)
    for k in range(90):
        world.see(Opened(episode(f"B{k}")), after=10)
    assert len(world.letters) == 70
    for k in range(20):
        world.see(Opened(episode(f"S{k}", "severe")), after=10)
    assert len(world.letters) == 90


@pytest.mark.parametrize("recipients", [1, 2, 3, 5, 20])
def test_a_board_that_is_severe_all_day_leaves_room_for_another_ones_severe_mail(recipients):
    world = World(now=NOON // DAY * DAY, cost=recipients, repeat=0)
    mails = 0
    for minute in range(24 * 60 - 5):
        bad = episode(id=f"demo/C001/9f3a1c07/{minute}", severity="severe")
        mails += recipients * len(world.see(Opened(bad), after=60))
        world.see(Closed(msgspec.structs.replace(bad, closed=world.now)))
    assert 0 < mails <= max(recipients * 2, 100 * (BOARD_SHARE + 0.1))  # its own, and the digest
    (letter,) = world.see(Opened(episode("C002", "severe")))
    assert letter.kind == "opening" and letter.episodes == ("demo/C002/9f3a1c07/1",)


def test_what_waited_for_its_boards_share_says_so_the_next_day():
    world = World(now=NOON // DAY * DAY, per_day=4, repeat=0, digest_minute=0)
    severe = [episode(id=f"demo/C001/9f3a1c07/{k}", severity="severe") for k in range(2)]
    assert kinds(world.see(Opened(severe[0]))) == ["opening"]
    assert world.see(Opened(severe[1]), after=HOUR) == []
    written = world.wait(DAY)
    assert [letter.held for letter in written if severe[1].id in letter.episodes] in ([None], ["share"])


def test_each_recipient_counts():
    world = World(repeat=0, single=1000, per_day=100, cost=3)
    for k in range(90):
        world.see(Opened(episode(f"B{k}", "severe")), after=10)
    assert world.state.spent <= 100 and kinds(world.letters).count("budget") == 1


@pytest.mark.parametrize(
    "zone, day",
    [
        ("Europe/Paris", (2027, 3, 28)),  # 02:30 does not exist
        ("Europe/Paris", (2026, 10, 25)),  # 02:30 comes twice
        ("Africa/Cairo", (2027, 4, 30)),
        ("America/Santiago", (2027, 4, 4)),
        ("Australia/Lord_Howe", (2027, 4, 4)),  # half an hour
    ],
)
@pytest.mark.parametrize("minute", [0, 30, 90, 120, 150, 180])
def test_each_local_day_has_one_digest_also_when_the_clocks_are_changed(zone, day, minute):
    begin = datetime(*day, tzinfo=ZoneInfo(zone)).timestamp() - 6 * 3600
    world, days = World(now=begin, zone=zone, digest_minute=minute), []
    while world.now < begin + 40 * 3600:
        for letter in world.see(after=300, unsaid=True):
            assert letter.kind == "digest"
            days.append(datetime.fromtimestamp(world.now, ZoneInfo(zone)).date())
    assert len(days) == len(set(days)) == 2


def test_a_board_with_a_thousand_episodes_leaves_the_others_their_lines_of_the_digest():
    world = World()
    for k in range(1000):
        world.see(Closed(episode(id=f"demo/C001/9f3a1c07/{k}")))
    others = [episode(f"C{k:03d}") for k in range(2, 200)]
    for k in range(3):
        world.see(*(Closed(msgspec.structs.replace(other, id=f"{other.id}{k}")) for other in others[:100]))
    world.see(*(Closed(other) for other in others[100:]))
    assert len(world.state.lines) == LINES and world.state.left_out == 1000 + 300 + 98 - LINES
    named = {line.id for line in world.state.lines.values()}
    assert {other.id for other in others[100:]} <= named and {
        f"{other.id}2" for other in others[:100]
    } <= named


def test_a_mail_that_may_not_have_arrived_makes_a_digest():
    world = World()
    (digest,) = [each for _ in range(25) for each in world.see(after=HOUR, unsaid=True)][:1]
    assert digest.kind == "digest" and not digest.lines and not digest.episodes


def test_a_late_note_is_a_line_and_no_mail():
    world = World()
    world.see(Closed(episode(late=True, closed=NOON - DAY)))
    (digest,) = world.wait(DAY)
    assert [(line.kind, line.untold) for line in digest.lines] == [("late", True)]


def test_what_is_remembered_survives_as_a_document():
    world = World()
    world.see(Opened(episode()), Opened(episode("C002", "severe")))
    world.see(Closed(episode()), after=1)
    assert msgspec.convert(msgspec.to_builtins(world.state), PolicyState) == world.state


steps = st.lists(
    st.tuples(
        st.sampled_from(["open", "severe", "worse", "close", "again", "seen", "wait"]),
        st.integers(0, 7),
        st.sampled_from([0.5, 30.0, 700.0, 5000.0, 40_000.0]),
    ),
    max_size=120,
)
rules = st.builds(
    AlertSettings,
    per_day=st.integers(8, 40),
    severe_share=st.floats(0, 1),
    cost=st.integers(1, 2),
    second_cost=st.integers(0, 2),
    single=st.integers(1, 6),
    cool_down=st.sampled_from([0.0, 1800.0]),
    repeat=st.sampled_from([0.0, 3600.0]),
    quiet_hours=st.sampled_from([None, (1320, 420), (0, 1)]),
)


@settings(max_examples=60, deadline=None)
@given(steps, rules)
def test_whatever_happens_the_budget_is_kept_and_each_episode_is_told_or_waits(history, limits):
    world = World()
    world.rules = limits
    open_ones, over, made, spent, acknowledged = {}, {}, 0, {}, set()
    mailed, lines = set(), set()
    for what, k, pause in history:
        happenings = []
        if what in ("open", "severe") and k not in open_ones:
            made += 1
            severity = "severe" if what == "severe" else "warning"
            open_ones[k] = episode(f"B{k}", severity, id=f"demo/B{k}/9f3a1c07/{made}")
            happenings = [Opened(open_ones[k])]
        elif what == "worse" and k in open_ones and open_ones[k].severity == "warning":
            open_ones[k] = msgspec.structs.replace(open_ones[k], severity="severe")
            happenings = [Worse(open_ones[k])]
            acknowledged.discard(open_ones[k].id)
        elif what == "close" and k in open_ones:
            over[k] = open_ones.pop(k)
            happenings = [Closed(over[k])]
        elif what == "again" and k in over and k not in open_ones:
            open_ones[k] = over.pop(k)
            happenings = [Again(open_ones[k])]
            acknowledged.discard(open_ones[k].id)
        elif what == "seen" and k in open_ones:
            happenings = [Acknowledged((open_ones[k].id,))]
            acknowledged.add(open_ones[k].id)
        for letter in world.see(*happenings, after=pause):
            day = int(world.now // DAY)
            spent[day] = spent.get(day, 0) + (limits.second_cost if letter.second else limits.cost)
            names = {each.id for each in open_ones.values()}
            assert set(letter.episodes) <= names, "only what goes on is told as going on"
            if letter.kind in ("reminder", "escalation"):
                assert not set(letter.episodes) & acknowledged
            mailed |= set(letter.episodes)
            lines |= {line.id for line in letter.lines}
        assert all(count <= limits.per_day for count in spent.values())
        waiting = set(world.state.followed) | set(world.state.lines)
        for each in [*open_ones.values(), *over.values()]:
            assert each.id in mailed | lines | waiting, "nothing is lost"
