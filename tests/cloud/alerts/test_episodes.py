"""Episodes: when they open, grow and close. Pure, so every case is one line of events."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.alerts.episodes import (
    Again,
    Changed,
    Closed,
    Device,
    Event,
    Opened,
    Progress,
    Sign,
    Worse,
    decide,
)
from device import codes

NOW = 1_800_000_000.0


def event(seq, flags=codes.ZSCORE, *, cloud=0, when=None, stream="9f3a1c07", **more):
    date = NOW + 10 * seq if when is None else when
    return Event("demo", "C001", stream, seq, date, flags, cloud, 2100, 4500, **more)


def progress(seq, *, abnormal=False, stream="9f3a1c07", when=None):
    return Progress(stream, seq, NOW + 10 * seq if when is None else when, abnormal)


def play(*events, state=Device(), now=None):
    actions = []
    for each in events:
        at = max(NOW, each.when) if now is None else now
        state, follows = decide(state, each, at)
        actions += follows
    return state, actions


def kinds(actions):
    return [type(action).__name__ for action in actions]


def test_three_among_five_open_an_episode():
    assert kinds(play(event(1), event(3), event(5))[1]) == ["Opened"]
    assert kinds(play(event(1), event(3), event(6))[1]) == []
    assert kinds(play(event(1), event(9), event(20), event(40), event(80))[1]) == []


def test_the_order_of_arrival_does_not_matter():
    _, (opened,) = play(event(5), event(1), event(3))
    assert (opened.episode.opened, opened.episode.last, opened.episode.abnormal) == (NOW + 10, NOW + 50, 3)


def test_one_severe_reading_opens_at_once():
    assert kinds(play(event(1, codes.RANGE))[1]) == ["Opened"]
    several = codes.ZSCORE | codes.JITTER | codes.ENVELOPE
    assert kinds(play(event(1, several))[1]) == []
    (opened,) = play(event(1, several, cloud=codes.FOREST))[1]
    assert isinstance(opened, Opened) and opened.episode.severity == "severe"


def test_a_long_run_is_one_episode():
    state, actions = play(*(event(k) for k in range(10_000)))
    assert kinds(actions).count("Opened") == 1 and set(kinds(actions)) == {"Opened", "Changed"}
    assert state.episode.abnormal == 10_000


def test_it_closes_after_enough_quiet_readings_and_not_before():
    state, _ = play(*(event(k) for k in range(5)))
    assert play(progress(33), state=state)[1] == []
    after, (closed,) = play(event(5, 0), progress(34), state=state)
    assert isinstance(closed, Closed) and closed.episode.closed == NOW + 50 and after.episode is None


def test_it_closes_after_enough_quiet_time():
    state, _ = play(*(event(k) for k in range(5)))
    assert play(progress(10, when=NOW + 40 + 599), state=state)[1] == []
    assert kinds(play(progress(10, when=NOW + 40 + 600), state=state)[1]) == ["Closed"]


def test_it_does_not_close_while_readings_are_abnormal():
    state, _ = play(*(event(k) for k in range(5)))
    assert play(progress(500, abnormal=True), state=state)[1] == []


def test_a_relapse_moves_its_end():
    state, _ = play(*(event(k) for k in range(5)), event(5, 0), event(6), event(7, 0))
    _, (closed,) = play(progress(36), state=state)
    assert closed.episode.closed == NOW + 70 and closed.episode.abnormal == 6


def test_what_begins_again_soon_is_the_same_episode():
    state, _ = play(*(event(k) for k in range(5)), event(5, 0), progress(40))
    state, actions = play(*(event(k) for k in range(50, 55)), state=state)
    assert kinds(actions) == ["Again", "Changed", "Changed"]
    assert (state.episode.again, state.episode.abnormal, state.episode.opened) == (1, 10, NOW)


def test_what_begins_again_later_is_another():
    state, _ = play(*(event(k) for k in range(5)), event(5, 0), progress(40))
    _, actions = play(*(event(k) for k in range(150, 153)), state=state)
    assert kinds(actions) == ["Opened"]


def test_flapping_for_hours_is_one_episode():
    state, actions = Device(), []
    for start in range(0, 4000, 80):
        state, more = play(
            *(event(k) for k in range(start, start + 4)),
            event(start + 4, 0),
            progress(start + 40),
            state=state,
        )
        actions += more
    assert kinds(actions).count("Opened") == 1 and state.over.again == 49


def test_a_reading_that_comes_after_the_end_belongs_into_the_episode():
    state, _ = play(event(0), event(1), event(2), event(4), event(5, 0), progress(40))
    state, (changed,) = play(event(3), state=state, now=NOW + 400)
    assert isinstance(changed, Changed) and changed.episode.closed and state.over.abnormal == 5


def test_an_episode_becomes_severe_once():
    state, _ = play(*(event(k) for k in range(3)))
    _, actions = play(event(3, codes.LIMIT), event(4, codes.LIMIT), state=state)
    assert kinds(actions) == ["Worse", "Changed"]


def test_outside_the_range_is_severe_when_it_is_far_outside():
    assert event(1, codes.RANGE).severe and event(1, codes.RANGE, beyond=0.6).severe
    assert not event(1, codes.RANGE, beyond=0.1).severe


def test_one_abnormal_reading_long_ago_is_no_part_of_what_opens_now():
    _, actions = play(event(1), *(event(k) for k in range(100, 103)))
    assert actions[0].episode.opened == NOW + 1000 and actions[0].episode.abnormal == 3


def test_a_backlog_of_yesterday_makes_one_late_note_and_no_alarm():
    yesterday = NOW - 86400
    state, actions = play(*(event(k, when=yesterday + 500 * k) for k in range(40)), now=NOW)
    assert set(kinds(actions)) == {"Changed"} and len({action.episode.id for action in actions}) == 1
    assert state.late.abnormal == 40 and state.late.late and state.late.closed == state.late.last
    assert play(progress(50), state=state, now=NOW + 601)[0].late is None


def test_a_severe_reading_that_comes_late_is_an_alarm_all_the_same():
    yesterday = NOW - 86400
    late = [event(k, codes.LIMIT, when=yesterday + 10 * k) for k in range(40)]
    state, actions = play(*late, now=NOW)
    assert kinds(actions) == ["Opened"] + ["Changed"] * 39
    assert actions[0].episode.severity == "severe" and not actions[0].episode.late
    state, (closed,) = play(progress(9000), state=state, now=NOW + 601)
    assert closed.episode.closed == yesterday + 390 and not closed.episode.late


def test_a_severe_reading_that_comes_late_makes_an_open_or_closed_warning_worse():
    state, _ = play(*(event(k) for k in range(10, 15)))
    _, (worse,) = play(event(0, codes.LIMIT, when=NOW - 5000), state=state, now=NOW + 200)
    assert isinstance(worse, Worse) and worse.episode.opened == NOW - 5000
    state, _ = play(progress(60), state=state, now=NOW + 700)
    assert state.over is not None
    state, (again, worse) = play(event(12, codes.LIMIT, when=NOW + 121), state=state, now=NOW + 710)
    assert isinstance(again, Again) and again.episode.severity == "warning"
    assert isinstance(worse, Worse) and worse.episode.severity == "severe" and state.episode == worse.episode


def test_old_readings_do_not_stretch_an_open_episode():
    state, _ = play(*(event(k) for k in range(5)))
    state, (noted,) = play(event(0, when=NOW - 5000, stream="00000000"), state=state, now=NOW + 50)
    assert noted.episode.late and state.episode.opened == NOW


def test_a_failing_sensor_is_an_episode_with_its_reason():
    _, actions = play(*(event(k, codes.SENSOR_ERROR, why="no answer") for k in range(3)))
    assert actions[0].episode.why == "no answer"


def test_a_late_note_is_told_once_it_is_complete():
    state, _ = play(*(event(k, when=NOW - 86400 + k) for k in range(40)), now=NOW)
    _, (closed,) = play(progress(50), state=state, now=NOW + 601)
    assert isinstance(closed, Closed) and closed.episode.late and closed.episode.abnormal == 40


def test_a_sensor_that_mostly_fails_is_an_episode_of_the_sensor():
    mixed = [event(1, codes.SENSOR_ERROR, why="no answer"), event(2), event(3, codes.SENSOR_ERROR)]
    assert play(*mixed)[1][0].episode.kind == "sensor"
    assert play(event(1), event(2), event(3, codes.SENSOR_ERROR))[1][0].episode.kind == "anomaly"


def sign(heard=NOW, *, listening=NOW - 1000, **more):
    return Sign("demo", "C001", heard, listening, **more)


def silent_after(**more):
    """How many seconds after its last sign a board counts as silent."""
    for wait in range(0, 20_000, 10):
        if decide(Device(), sign(**more), NOW + wait)[1]:
            return wait
    return None


def test_silence_is_noticed_after_five_periods_and_three_minutes():
    assert silent_after() == 180 and silent_after(period=10) == 180 and silent_after(period=0.5) == 180
    assert silent_after(period=600) == 3000


def test_a_last_will_is_believed_after_a_minute():
    assert silent_after(offline=NOW) == 60


def test_a_will_that_a_newer_reading_contradicts_is_not_believed():
    assert silent_after(offline=NOW - 30) == 180


def test_a_sleeping_board_is_missed_when_it_was_due():
    assert silent_after(due=NOW + 3600, period=10) == 3720


def test_nobody_is_silent_to_a_cloud_that_did_not_listen():
    assert silent_after(heard=NOW - 50_000, listening=NOW) == 180
    assert silent_after(offline=NOW - 50_000, heard=NOW - 50_000, listening=NOW) == 60


def test_silence_ends_with_the_next_sign_and_is_told_with_its_times():
    state, (opened,) = decide(Device(), sign(offline=NOW), NOW + 60)
    assert (opened.episode.kind, opened.episode.why, opened.episode.opened) == ("silence", "offline", NOW)
    state, nothing = decide(state, sign(offline=NOW), NOW + 70)
    assert nothing == []
    state, (closed,) = decide(state, sign(NOW + 100), NOW + 101)
    assert (closed.episode.opened, closed.episode.closed) == (NOW, NOW + 100)


def test_a_will_that_is_heard_again_after_a_restart_does_not_end_the_silence():
    state, _ = decide(Device(), sign(offline=NOW), NOW + 60)
    again = sign(NOW + 500, listening=NOW + 500, offline=NOW + 500)
    assert decide(state, again, NOW + 501)[1] == []


def test_a_board_that_comes_and_goes_is_silent_once():
    state, actions = Device(), []
    for k in range(20):
        heard = NOW + 400 * k
        for at in (heard + 1, heard + 200):
            state, more = decide(state, sign(heard), at)
            actions += more
    assert kinds(actions).count("Opened") == 1 and kinds(actions).count("Again") == 19


def test_readings_and_silence_are_two_episodes():
    state, _ = play(*(event(k) for k in range(3)))
    state, actions = decide(state, sign(NOW + 20), NOW + 300)
    assert kinds(actions) == ["Opened"] and state.episode is not None and state.silence is not None


seqs = st.lists(st.tuples(st.integers(0, 200), st.sampled_from([0, codes.ZSCORE, codes.RANGE])), max_size=60)


@settings(max_examples=200, deadline=None)
@given(seqs, st.randoms(), st.integers(0, 3))
def test_whatever_comes_in_any_order_each_reading_counts_once(readings, chance, progress_every):
    events = [
        event(seq, flags, when=NOW + 10 * seq)
        for seq, flags in {seq: (seq, flags) for seq, flags in readings}.values()
    ]
    chance.shuffle(events)
    state, open_id, counted, ever = Device(), None, {}, set()
    for number, incoming in enumerate(events):
        inputs = [incoming]
        if progress_every and number % progress_every == 0:
            inputs.append(progress(max(e.seq for e in events[: number + 1]), when=NOW + 10 * incoming.seq))
        for each in inputs:
            state, actions = decide(state, each, NOW + 2000)
            for action in actions:
                name = action.episode.id
                counted[name] = action.episode.abnormal
                if isinstance(action, Opened):
                    assert open_id is None and name not in ever
                    open_id = name
                elif isinstance(action, Again):
                    assert open_id is None and name in ever
                    open_id = name
                elif isinstance(action, Closed) and not action.episode.late:
                    assert open_id == name
                    open_id = None
                elif isinstance(action, Worse):
                    assert open_id == name
                ever.add(name)
                assert action.episode.opened <= action.episode.last
            assert (state.episode is not None) == (open_id is not None)
    abnormal = sum(1 for each in events if each.abnormal)
    assert sum(counted.values()) + len(state.recent) <= abnormal
    if any(each.abnormal and each.severe for each in events):
        assert counted, "a severe reading is never without an episode"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 500), st.sampled_from([None, "offline"])), max_size=40),
    st.floats(0.1, 1000),
)
def test_silence_opens_and_closes_in_turn_whatever_the_clock_does(looks, period):
    state, now, heard, is_open = Device(), NOW, NOW, False
    for pause, will in looks:
        now += pause
        if pause < 50:
            heard = now
        state, actions = decide(state, sign(heard, period=period, offline=heard if will else None), now)
        for action in actions:
            if isinstance(action, Closed):
                assert is_open and action.episode.closed >= action.episode.opened
                is_open = False
            else:
                assert not is_open and now - action.episode.last >= 60
                is_open = True
