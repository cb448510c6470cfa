from pathlib import Path

import pytest

from tests.servers import require


def test_a_tool_is_found_in_the_folders_given(tmp_path: Path) -> None:
    tool = tmp_path / "some-server"
    tool.touch(0o755)
    assert require("some-server", "some-package", folders=[tmp_path]) == tool


def test_a_missing_tool_skips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"^needs the Debian package some-package$"):
        require("no-such-server", "some-package")


def test_a_missing_tool_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"^needs the Debian package some-package, and CI has to run every"):
        require("no-such-server", "some-package")
