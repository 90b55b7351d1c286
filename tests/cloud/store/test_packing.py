"""Packing keeps every value of every reading, alone and sealed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.contract.messages import Reading
from cloud.store import packing

seconds = st.integers(0, 2**32 - 1)
int16 = st.integers(-(2**15), 2**15 - 1)
readings = st.builds(
    Reading,
    seq=st.integers(0, 2**32 - 1),
    boot=seconds,
    ts=st.none() | st.integers(1_577_836_800, 2**32 - 1),
    up=seconds,
    x=st.none() | st.tuples(int16, int16, *[st.just(0)] * 6),
    flags=st.integers(0, 2**16 - 1),
    score=st.none() | st.integers(-(2**31), 2**31 - 1),
    why=st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=64),
    model=st.none() | st.binary(min_size=4, max_size=4).map(bytes.hex),
    said=st.none() | seconds,
)
buckets = st.dictionaries(
    st.integers(0, packing.SIZE - 1),
    st.tuples(
        readings,
        st.integers(0, 2**16 - 1),
        st.none() | st.integers(0, 1000).map(lambda n: n / 1000),
        st.just(0) | st.integers(-(2**31), 2**31 - 1),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(buckets)
def test_a_sealed_bucket_gives_back_what_was_put_in(bucket):
    packed = {place: packing.pack(*values) for place, values in bucket.items()}
    back = packing.unseal(packing.seal(packing.gather(packed)))
    assert packing.scatter(back) == packed
    for place, (reading, cloud_flags, cloud_score, twin_off) in bucket.items():
        assert back.record["twin_off"][back.position == place] == twin_off
        plain = packing.plain(packing.scatter(back)[place])
        assert plain.get("said") == (reading.said if reading.ts is None else None)
        assert plain["ts"] == reading.ts and plain["up"] == reading.up and plain["boot"] == reading.boot
        assert (plain["t"], plain["h"]) == (reading.measured or (None, None))
        assert plain["edge_flags"] == reading.flags and plain["edge_score"] == reading.score
        assert plain["cloud_flags"] == cloud_flags and plain["cloud_score"] == cloud_score
        assert plain["why"] == reading.why and plain["model"] == reading.model


def test_what_was_first_stays_when_two_meet():
    def of(t):
        return packing.pack(Reading(1, 1, None, 1, (t, 0, 0, 0, 0, 0, 0, 0), 0, None, None, None), 0, None)

    both = packing.merge(packing.gather({1: of(1), 5: of(5)}), packing.gather({0: of(10), 5: of(50)}))
    assert both.position.tolist() == [0, 1, 5]
    assert both.record["t"].tolist() == [10, 1, 5]


@pytest.mark.parametrize(
    "bad", [b"", b"\x02abc", b"\x01abc", packing.seal(packing.gather({0: bytes(31)}))[:-9]]
)
def test_bytes_that_are_no_bucket_say_so(bad):
    with pytest.raises(ValueError, match="bucket"):
        packing.unseal(bad)


def test_a_sealed_reading_takes_less_than_six_bytes():
    noise = np.random.default_rng(1)
    t = 2100 + np.cumsum(noise.normal(0, 4, packing.SIZE)).astype(int)
    packed = {
        place: packing.pack(
            Reading(
                seq=place,
                boot=3,
                ts=1_800_000_000 + 10 * place,
                up=1000 + 10 * place,
                x=(int(t[place]), int(4500 + noise.normal(0, 10)), 0, 0, 0, 0, 0, 0),
                flags=0,
                score=int(60_000 + noise.normal(0, 300)),
                why=None,
                model="9f3a1c07",
            ),
            1 << 12,
            float(noise.normal(0.42, 0.012)),
        )
        for place in range(packing.SIZE)
    }
    assert len(packing.seal(packing.gather(packed))) / packing.SIZE < 6
