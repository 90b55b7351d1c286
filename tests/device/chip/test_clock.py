from device.chip.clock import Clock

NOW = 836000000  # in 2026, seconds since 2000
PERIOD = 1 << 30  # ticks wrap here on an ESP32
_MASK = 0x3FFFFFFF
_HALF = 0x20000000


class Source:
    """Ticks as an ESP32 has them: small ints (what MicroPython 1.23 computes from a long one stays long)."""

    def __init__(self, start=0):
        self.real_ms = start

    def ticks_ms(self):
        return self.real_ms & _MASK

    def ticks_add(self, ticks, ms):
        return ticks + ms & _MASK

    def ticks_diff(self, a, b):
        return (a - b + _HALF & _MASK) - _HALF

    def sleep_ms(self, ms):
        self.real_ms += ms


def after(clock, source, seconds):
    source.real_ms += seconds * 1000
    clock.tick()


def test_uptime_is_right_across_the_wrap_of_ticks():
    source = Source(PERIOD - 1500)
    clock = Clock(source)
    for _ in range(60):
        after(clock, source, 5 * 86400)
    assert clock.uptime() == 300 * 86400


def test_uptime_loses_no_part_of_a_second():
    source = Source()
    clock = Clock(source)
    for _ in range(3000):
        source.real_ms += 333
        clock.tick()
    assert clock.uptime() == 999


def test_the_date_goes_on_from_the_last_answer():
    source = Source()
    clock = Clock(source)
    assert clock.now() is None
    assert clock.set(NOW)
    after(clock, source, 100)
    assert clock.now() == NOW + 100


def test_dates_that_cannot_be_are_refused_and_counted():
    clock = Clock(Source())
    for sec in (0, 700000000, 3200000000):
        assert not clock.set(sec)
    assert clock.refused == 3
    assert not clock.is_set()


def test_a_date_before_the_last_boot_is_refused_until_three_answers_agree():
    source = Source()
    clock = Clock(source)
    clock.floor = NOW
    assert not clock.set(NOW - 5000)
    after(clock, source, 60)
    assert not clock.set(NOW - 4940)
    after(clock, source, 60)
    assert clock.set(NOW - 4880)
    assert clock.refused == 2


def test_a_jump_is_refused_until_three_answers_agree():
    source = Source()
    clock = Clock(source)
    clock.set(NOW)
    after(clock, source, 100)
    assert not clock.set(NOW + 7200)
    assert not clock.set(NOW - 7200)  # a second opinion that disagrees with both
    assert clock.now() == NOW + 100
    assert clock.set(NOW + 101)
    for _ in range(2):
        assert not clock.set(NOW + 7200)
    assert clock.set(NOW + 7200)
    assert clock.now() == NOW + 7200


def test_what_a_crystal_loses_in_a_day_is_no_jump():
    source = Source()
    clock = Clock(source)
    clock.set(NOW)
    after(clock, source, 86400)
    assert clock.set(NOW + 86400 + 8)
    assert clock.now() == NOW + 86408


def test_the_grid_does_not_move_when_ticks_wrap():
    source = Source(PERIOD - 50)
    clock = Clock(source)
    due = clock.after(clock.ms(), 100)
    assert clock.until(due) == 100
    clock.sleep(130)
    assert clock.until(due) == -30


MONTH = 31 * 86400
YEAR = 365 * 86400


def lied_to(clock, source, lie, seconds, every=20):
    """Ask every 20 s: all servers say the date with the error `lie`. True once the clock took it."""
    for _ in range(seconds // every):
        after(clock, source, every)
        if clock.set(NOW + source.real_ms // 1000 + lie):
            return True
    return False


def test_a_wrong_month_or_year_is_doubted_and_the_truth_is_believed_at_once():
    for lie in (MONTH, YEAR, -MONTH, -YEAR, 30 * YEAR):
        source = Source()
        clock = Clock(source)
        clock.floor = NOW - 86400
        assert not lied_to(clock, source, lie, 580)
        assert not clock.is_set()
        assert clock.set(NOW + source.real_ms // 1000)
        assert not clock.wild


def test_a_board_that_was_off_for_long_believes_what_all_say_for_ten_minutes():
    source = Source()
    clock = Clock(source)
    clock.floor = NOW - 90 * 86400
    assert lied_to(clock, source, 0, 640)
    assert clock.wild  # it does not pass for known yet
    assert clock.now() == NOW + source.real_ms // 1000
    assert lied_to(clock, source, 0, 90000, 3600)
    for _ in range(25):
        after(clock, source, 3600)
        assert clock.set(NOW + source.real_ms // 1000)
    assert not clock.wild


def test_a_lie_that_was_believed_after_all_gives_way_to_the_truth_at_once():
    source = Source()
    clock = Clock(source)
    clock.floor = NOW - 3600
    assert lied_to(clock, source, YEAR, 640)
    after(clock, source, 20)
    assert clock.set(NOW + source.real_ms // 1000)
    assert not clock.wild and clock.now() == NOW + source.real_ms // 1000


def test_a_month_back_is_not_believed_before_a_day_is_over():
    source = Source()
    clock = Clock(source)
    clock.floor = NOW
    assert not lied_to(clock, source, -MONTH, 86000, 600)
    assert lied_to(clock, source, -MONTH, 2400, 600)


def test_what_a_board_knows_is_not_given_up_for_what_servers_agree_on():
    for lie in (MONTH, YEAR, -MONTH):
        source = Source()
        clock = Clock(source)
        clock.floor = NOW - 7200
        assert clock.set(NOW)
        assert not lied_to(clock, source, lie, 7200)
        assert clock.now() == NOW + source.real_ms // 1000
        assert clock.set(NOW + source.real_ms // 1000)


def test_a_doubt_is_told_once_with_its_size():
    source = Source()
    clock = Clock(source)
    clock.floor = NOW
    assert not clock.set(NOW + YEAR)
    doubt = clock.doubted(NOW + YEAR)
    assert "365 days after" in doubt and "readings go undated" in doubt
    assert not clock.set(NOW + YEAR)
    assert clock.doubted(NOW + YEAR) is None
    clock.set(NOW)
    assert not clock.set(NOW - MONTH)
    assert "31 days before" in clock.doubted(NOW - MONTH) and "its own" in clock.doubted(NOW - MONTH)
