"""What a question costs does not grow with what the catalog ever held: SQLite says by which index it finds rows."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.catalog.catalog import Catalog
from tests.contract.catalog.test_runs import FILE, bring, claim, start_run

Statement = tuple[str, tuple[object, ...]]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as opened:
        yield opened


def plans(catalog: Catalog, question: Callable[[], object]) -> list[str]:
    """The steps of SQLite's plans for whatever the question selects."""
    asked: list[Statement] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        asked.append((statement, parameters))

    sa.event.listen(catalog._engine, "before_cursor_execute", note)
    question()
    sa.event.remove(catalog._engine, "before_cursor_execute", note)
    selects = [each for each in asked if each[0].startswith("SELECT")]
    assert selects
    with catalog._engine.connect() as connection:
        explained = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values) for text, values in selects]
        return [str(row.detail) for rows in explained for row in rows]


def test_a_files_content_is_looked_up_by_its_digest(catalog: Catalog) -> None:
    [file_id] = claim(catalog, start_run(catalog), FILE)

    steps = plans(catalog, lambda: bring(catalog, file_id))

    assert any("(flow=? AND sha256=?)" in step for step in steps), steps
    assert not any("source_file" in step and step.endswith("(flow=?)") for step in steps), steps
