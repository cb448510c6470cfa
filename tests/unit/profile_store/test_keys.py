import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from headwater.identity.values import KEY_BYTES
from headwater.profile_store.keys import key_parameters, sort_by, to_words

digests = st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES)
few = st.integers(-2, 2)


@given(st.lists(digests, min_size=1))
def test_numbers_compare_as_the_bytes_do_that_they_stand_for(keys: list[bytes]) -> None:
    high, low = to_words(pa.array([b"\0" * KEY_BYTES, *keys], pa.binary(KEY_BYTES))[1:])
    numbers = list(zip(high.tolist(), low.tolist(), strict=True))
    assert dict(zip(sorted(set(keys)), sorted(set(numbers)), strict=True)) == dict(zip(keys, numbers, strict=True))
    assert key_parameters(keys) == {"key_highs": high.tolist(), "key_lows": low.tolist()}


@given(st.lists(st.tuples(few, few, few)))
def test_rows_are_sorted_by_all_columns_and_equal_ones_stay_in_order(rows: list[tuple[int, int, int]]) -> None:
    order, begins = sort_by(*np.array(rows, np.int64).reshape(-1, 3).T)
    expected = sorted(range(len(rows)), key=lambda place: rows[place])
    assert order.tolist() == expected
    assert begins.tolist() == [not at or rows[expected[at - 1]] != rows[each] for at, each in enumerate(expected)]
