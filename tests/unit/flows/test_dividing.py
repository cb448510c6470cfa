import pytest

from headwater.flows.dividing import MAX_PARTS, bytes_of_a_part, even_part
from headwater.flows.selection import MAX_GROUPS

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("sizes", "split_bytes", "expected"),
    [
        ([], 256 * MIB, 256 * MIB),
        ([10 * MIB, 300 * MIB], 256 * MIB, 256 * MIB),
        ([10_000_000 * MIB], 256 * MIB, 10_000_000 * MIB // MAX_PARTS + 1),
        ([300 * MIB], 0, 0),
    ],
    ids=["nothing", "small", "too many parts", "never"],
)
def test_parts_are_as_long_as_set_or_longer_where_there_were_too_many(
    sizes: list[int], split_bytes: int, expected: int
) -> None:
    assert bytes_of_a_part(sizes, split_bytes=split_bytes) == expected


@pytest.mark.parametrize("count", [1, 100, 10_000])
def test_whatever_a_run_takes_airflow_can_map_its_groups(count: int) -> None:
    sizes = [300 * MIB] * count
    part_bytes = bytes_of_a_part(sizes, split_bytes=256 * MIB)
    parts = sum(-(-size // part_bytes) for size in sizes if size > part_bytes)
    assert parts + MAX_GROUPS <= 1_024


def test_the_parts_of_a_file_are_all_alike() -> None:
    assert even_part(300, 256) == 150
    assert even_part(1025, 256) == 205
