"""The stores on which the contract is tested."""

from collections.abc import Iterator

import pytest

from headwater.profile_store import ProfileStore


@pytest.fixture
def store(url: str) -> Iterator[ProfileStore]:
    with ProfileStore.open(url) as opened:
        yield opened
