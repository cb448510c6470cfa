"""What a question costs does not grow with what the catalog ever held: SQLite says by which index it finds rows."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.catalog.catalog import Catalog
from tests.contract.catalog.test_runs import FILE, START, bring, claim, start_run

Statement = tuple[str, tuple[object, ...]]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as opened:
        yield opened


def selected(catalog: Catalog, question: Callable[[], object]) -> list[Statement]:
    """Whatever the question selects."""
    asked: list[Statement] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        asked.append((statement, parameters))

    sa.event.listen(catalog._engine, "before_cursor_execute", note)
    question()
    sa.event.remove(catalog._engine, "before_cursor_execute", note)
    return [each for each in asked if each[0].startswith("SELECT")]


def plans(catalog: Catalog, question: Callable[[], object]) -> list[str]:
    """The steps of SQLite's plans for whatever the question selects."""
    selects = selected(catalog, question)
    assert selects
    with catalog._engine.connect() as connection:
        explained = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values) for text, values in selects]
        return [str(row.detail) for rows in explained for row in rows]


@pytest.mark.parametrize("of", ["ledger", "observations"])
def test_a_page_of_files_is_one_question_with_one_parameter_for_all_paths(catalog: Catalog, of: str) -> None:
    paths = [f"/out/{number}.json" for number in range(1000)]

    def ask() -> object:
        return catalog.ledger.known("f", paths) if of == "ledger" else catalog.observations.get("f", paths)

    [(_, parameters)] = selected(catalog, ask)
    assert len(parameters) < 10
    steps = plans(catalog, ask)
    assert any("(flow=? AND path=?)" in step for step in steps), steps
    assert of == "observations" or any("USING COVERING INDEX ix_source_file_known" in step for step in steps), steps


def test_a_files_content_is_looked_up_by_its_digest(catalog: Catalog) -> None:
    [file_id] = claim(catalog, start_run(catalog), FILE)

    steps = plans(catalog, lambda: bring(catalog, file_id))

    assert any("(flow=? AND sha256=?)" in step for step in steps), steps
    assert not any("source_file" in step and step.endswith("(flow=?)") for step in steps), steps


@pytest.mark.parametrize("of", ["batch", "flow-run"])
def test_one_batchs_groups_are_added_up_and_no_others(catalog: Catalog, of: str) -> None:
    run_id = start_run(catalog)
    catalog.batches.create(batch_id="B", dataset="d", flow_run_id=run_id, created_at=START)
    catalog.flow_runs.set_batch(run_id, "B")

    steps = plans(catalog, lambda: catalog.batches.get("B") if of == "batch" else catalog.flow_runs.get(run_id))

    assert any("SEARCH batch_group" in step for step in steps), steps
    assert not any(word in step for step in steps for word in ("SCAN", "MATERIALIZE")), steps


@pytest.mark.parametrize("of", ["batch", "flow_run"])
def test_a_page_adds_up_the_groups_of_what_it_shows(catalog: Catalog, of: str) -> None:
    steps = plans(catalog, lambda: catalog.batches.latest() if of == "batch" else catalog.flow_runs.latest())

    assert f"SEARCH {of} USING INDEX sqlite_autoindex_{of}_1 (id=?)" in steps, steps
    assert any("SEARCH batch_group" in step for step in steps), steps
    assert not any("SCAN batch_group" in step or "SCAN staged_file" in step for step in steps), steps
