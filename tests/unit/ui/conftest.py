from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.ui.site import Site, luma_site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("site")
    with luma_site(folder) as site:
        yield site
