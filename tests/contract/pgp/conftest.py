from collections.abc import Iterator

import pytest

from tests.servers.pgp import KeyRing, key_ring


@pytest.fixture(scope="session")
def keys() -> Iterator[KeyRing]:
    with key_ring() as ring:
        yield ring
