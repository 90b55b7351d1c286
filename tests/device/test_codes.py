from device import codes


def test_each_flag_bit_has_the_name_at_its_index():
    bits = (
        codes.RANGE,
        codes.STUCK,
        codes.ZSCORE,
        codes.FOREST,
        codes.ENVELOPE,
        codes.JITTER,
        codes.DRIFT,
        codes.LIMIT,
        codes.SENSOR_ERROR,
        codes.WARMING_UP,
        codes.CLOCK_UNSET,
        codes.EXCURSION,
        1 << 12,  # the cloud's own
        1 << 13,
        codes.RHYTHM,
    )
    assert len(bits) == len(codes.FLAG_NAMES)
    for index, bit in enumerate(bits):
        assert bit == 1 << index
        assert codes.names(bit) == [codes.FLAG_NAMES[index]]


def test_unknown_bits_are_named_by_their_number():
    assert codes.names(codes.STUCK | 1 << 15) == ["stuck", "bit15"]


def test_warming_up_and_an_unset_clock_are_not_alarms():
    assert not codes.ABNORMAL & (codes.WARMING_UP | codes.CLOCK_UNSET)
    assert codes.ABNORMAL == 0x49FF
