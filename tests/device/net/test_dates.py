from device.net.dates import Dates


class Hand:
    """A clock that stands until it is turned."""

    now = 0

    def ms(self):
        return self.now

    def after(self, ticks, ms):
        return ticks + ms

    def until(self, ticks):
        return ticks - self.now


class Radio:
    up = False
    asked = 0

    def wifi_up(self):
        return self.up

    def wifi_dns(self):
        self.asked += 1  # who asks for the date wants to know the name server first


def test_nobody_is_asked_before_wifi_is_up_and_then_at_once():
    """A question without a network fails at once, and the next one waits for ten seconds."""
    clock = Hand()
    radio = Radio()
    dates = Dates(["127.0.0.1:9"], clock, radio)
    for _ in range(3):
        assert dates.step() is None
        clock.now += 1000
    assert not radio.asked
    radio.up = True
    assert dates.step() is None
    assert radio.asked == 1
