from device import codes
from device.judge import table


def test_each_bit_has_one_name_which_is_that_of_its_detector():
    text = (
        "range, stuck, zscore, forest, envelope, jitter, drift, limit, sensor error, warming up, "
        "clock unset, excursion, bit12, bit13, rhythm, bit15"
    )
    assert ", ".join(table.names(0xFFFF)) == text  # 12, 13 and 15 are the cloud's own
    assert table.names(0) == []
    flags = 0
    for _, flag, _, _ in table.DETECTORS:
        flags |= flag
    assert flags | codes.LIMIT | codes.SENSOR_ERROR == codes.ABNORMAL


def test_warming_up_and_an_unset_clock_are_not_alarms():
    assert not codes.ABNORMAL & (codes.WARMING_UP | codes.CLOCK_UNSET)
    assert codes.ABNORMAL == 0x49FF
