from collections.abc import Iterator

import pytest

from headwater.catalog.catalog import Catalog


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    with Catalog.open(url) as opened:
        yield opened
