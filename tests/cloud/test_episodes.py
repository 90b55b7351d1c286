"""Episodes: when they open, grow and close. Pure, so every case is one line of events."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.alerts.episodes import Changed, Closed, Device, Event, Opened, Progress, Rules, decide
from device import codes

NOW = 1_800_000_000.0
RULES = Rules()


def event(seq, flags=codes.ZSCORE, *, cloud=0, when=None, stream="9f3a1c07", **more):
    date = NOW + 10 * seq if when is None else when
    return Event("demo", "C001", stream, seq, date, flags, cloud, 2100, 4500, **more)


def progress(seq, *, abnormal=False, stream="9f3a1c07", when=None):
    return Progress(stream, seq, NOW + 10 * seq if when is None else when, abnormal)


def play(*events, state=Device(), now=None):
    actions = []
    for one in events:
        at = max(NOW, one.when) if now is None else now
        state, follows = decide(state, one, at)
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


def test_a_backlog_of_yesterday_makes_one_late_note_and_no_alarm():
    yesterday = NOW - 86400
    state, actions = play(*(event(k, codes.RANGE, when=yesterday + 500 * k) for k in range(40)), now=NOW)
    assert set(kinds(actions)) == {"Changed"} and len({action.episode.id for action in actions}) == 1
    assert state.late.abnormal == 40 and state.late.late and state.late.closed == state.late.last
    assert play(progress(50), state=state, now=NOW + 601)[0].late is None


def test_old_readings_do_not_stretch_an_open_episode():
    state, _ = play(*(event(k) for k in range(5)))
    state, (noted,) = play(event(0, when=NOW - 5000, stream="00000000"), state=state, now=NOW + 50)
    assert noted.episode.late and state.episode.opened == NOW


def test_a_failing_sensor_is_an_episode_with_its_reason():
    _, actions = play(*(event(k, codes.SENSOR_ERROR, why="no answer") for k in range(3)))
    assert actions[0].episode.why == "no answer"


seqs = st.lists(st.tuples(st.integers(0, 200), st.sampled_from([0, codes.ZSCORE, codes.RANGE])), max_size=60)


@settings(max_examples=200, deadline=None)
@given(seqs, st.randoms())
def test_whatever_comes_in_any_order_counts_add_up(readings, chance):
    events = [
        event(seq, flags, when=NOW + seq)
        for seq, flags in {seq: (seq, flags) for seq, flags in readings}.values()
    ]
    chance.shuffle(events)
    state, open_id, told = Device(), None, 0
    for one in events:
        state, actions = decide(state, one, NOW + 200)
        for action in actions:
            if isinstance(action, Opened):
                assert open_id is None
                open_id = action.episode.id
                told += 1
            elif isinstance(action, Changed):
                assert action.episode.id == open_id
            assert action.episode.opened <= action.episode.last
        assert (state.episode is not None) == (open_id is not None)
        if state.episode:
            assert state.episode.abnormal + len(state.recent) <= sum(1 for each in events if each.abnormal)
    assert told <= 1
