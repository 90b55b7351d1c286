"""The witness of smoke and chaos must itself be right: what is lost, what is surplus, what differs."""

from hypothesis import given
from hypothesis import strategies as st

from tools.run.account import align

few = st.lists(st.integers(0, 3), max_size=25)


def longest(a, b):
    """The textbook's table."""
    best = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(len(a) - 1, -1, -1):
        for j in range(len(b) - 1, -1, -1):
            best[i][j] = best[i + 1][j + 1] + 1 if a[i] == b[j] else max(best[i + 1][j], best[i][j + 1])
    return best[0][0]


@given(few, few)
def test_it_pairs_equal_values_in_order_and_as_many_as_possible(wanted, stored):
    pairs = align(wanted, stored)
    assert all(wanted[i] == stored[j] for i, j in pairs)
    assert all(i < k and j < m for (i, j), (k, m) in zip(pairs, pairs[1:]))
    assert len(pairs) == longest(wanted, stored)


def test_a_day_with_a_few_losses_is_quick():
    taken = [(2000 + n % 97, 4500 + n % 89) for n in range(20_000)]
    stored = [value for n, value in enumerate(taken) if n % 1000]
    assert len(align(taken, stored)) == len(stored)
