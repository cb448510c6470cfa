from dataclasses import replace

from headwater.catalog.batches import GroupReport
from headwater.catalog.catalog import Catalog
from headwater.model.parts import FilePart
from headwater.model.records import RecordCounts
from tests.contract.catalog.test_runs import FILE, START, claim, start_run

FIRST = FilePart(
    number=1,
    offset=0,
    size_bytes=2**40,
    sha256="a" * 64,
    format="csv",
    records_before=0,
    first_line=1,
    header=None,
)
SECOND = replace(
    FIRST, number=2, offset=2**40, size_bytes=7, records_before=2**33, first_line=2**34, header=b'a,"\xff\x00"'
)


def test_each_part_of_a_file_is_a_group_of_its_run(catalog: Catalog) -> None:
    run_id = start_run(catalog)
    [divided] = claim(catalog, run_id, replace(FILE, path="/out/large.csv"))
    claim(catalog, run_id, FILE)
    catalog.parts.add(divided, [FIRST, SECOND], first_group=3)

    assert catalog.parts.groups(run_id) == {divided: [3, 4]}
    assert catalog.parts.of_group(run_id, 3) == (divided, FIRST)
    assert catalog.parts.of_group(run_id, 4) == (divided, SECOND)
    assert catalog.parts.of_group(run_id, 0) is None
    assert catalog.parts.groups(start_run(catalog)) == {}


def test_a_group_remembers_where_it_stopped(catalog: Catalog) -> None:
    run_id = start_run(catalog)
    catalog.batches.create(batch_id="B", dataset="d", flow_run_id=run_id, created_at=START)
    report = GroupReport(
        group=0,
        files=1,
        input_bytes=10,
        counts=RecordCounts(read=1, failed=1),
        failed_by_code={"1401": 1},
        notes=("stopped here",),
        staged=(),
        stopped="stopped here",
    )
    catalog.batches.put_group("B", report)
    catalog.batches.put_group("B", replace(report, group=1, stopped=None))
    assert [report.stopped for report in catalog.batches.group_reports("B")] == ["stopped here", None]
