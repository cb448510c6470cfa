import json
from pathlib import Path

import pytest

from headwater.model.records import RecordCounts
from tests.airflow.home import migrate_database, prepare_home
from tests.airflow.test_dag_run import run_dags
from tests.samples import sample_of_few_days

pytestmark = pytest.mark.airflow


def test_the_parts_of_a_large_file_are_mapped_tasks(tmp_path: Path) -> None:
    home = prepare_home(tmp_path)
    migrate_database(home)
    home.variables["HEADWATER_SPLIT_BYTES"] = "250000"
    home.write_flow("large", like="luma-offline-purchases", **{"luma-offline-purchases*.json*": "large.json"})
    records = [
        {**record, "_id": f"{record['_id']}-{copy}"} for copy in range(2) for record in sample_of_few_days().purchases
    ]
    home.put("large.json", "\n".join(map(json.dumps, records)))

    [loaded] = run_dags(home, ("large", {}))

    assert loaded["state"] == "success", loaded
    with home.workspace() as workspace:
        [run] = workspace.catalog.flow_runs.latest(flow="large")
        assert (run.files, run.counts) == (1, RecordCounts(read=2000, loaded=2000))
        [groups] = workspace.catalog.parts.groups(run.id).values()
        reports = workspace.catalog.batches.group_reports(str(run.batch_id))
        assert [report.group for report in reports] == groups
        assert len(groups) >= 3
        rows = workspace.lake.scan(run.dataset, ["_acp_system_metadata"]).to_pylist()
    assert {row["_acp_system_metadata"]["rowNumber"] for row in rows} == set(range(1, 2001))
