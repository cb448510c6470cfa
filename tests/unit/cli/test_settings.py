from pathlib import Path

import pytest

from headwater.cli.settings import effective_settings, mask_url
from headwater.settings import Settings


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://user:hunter2@db.example.com:5432/headwater", "postgresql+psycopg://user:***@db.example.com:5432/headwater"),
        ("postgresql://db/headwater?password=hunter2", "postgresql://db/headwater?…"),
        ("https://client:hunter2@iceberg.example.com/api", "https://client:***@iceberg.example.com/api"),
        ("sqlite:////srv/headwater/catalog.db", "sqlite:////srv/headwater/catalog.db"),
        ("file:///srv/lake", "file:///srv/lake"),
        ("/srv/lake", "/srv/lake"),
    ],
)  # fmt: skip
def test_passwords_in_urls_are_masked(url: str, shown: str) -> None:
    assert mask_url(url) == shown


def test_every_setting_is_shown_with_its_default_filled_in(tmp_path: Path) -> None:
    shown = effective_settings(Settings.load(home=tmp_path, catalog_url="postgresql://u:hunter2@h/x"))

    assert list(shown) == list(Settings.model_fields)
    assert shown["catalog_url"] == "postgresql://u:***@h/x"
    assert shown["profile_url"] == f"sqlite:///{tmp_path}/profile.db"
    assert shown["flows"] == f"{tmp_path}/flows"
    assert "hunter2" not in repr(shown)
