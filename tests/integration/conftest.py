from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.installation import Installation, luma_installation


@pytest.fixture
def luma(tmp_path: Path) -> Iterator[Installation]:
    with luma_installation(tmp_path) as installation:
        yield installation
