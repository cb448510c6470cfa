"""Run Dags with `dag.test()`, one after the other, and print what became of each. Called as a program by the tests.

Arguments: pairs of a Dag id and its configuration as JSON.
"""

import json
import sys
from typing import Any

from headwater.orchestration import load_dags


def main(arguments: list[str]) -> None:
    for dag_id, conf in zip(arguments[::2], arguments[1::2], strict=True):
        # Anew for each run: a Dag that was tested keeps the parameters of that run.
        run = load_dags()[dag_id].test(run_conf=json.loads(conf))
        tasks: dict[str, Any] = {task.task_id: str(task.state) for task in run.get_task_instances()}
        print("RESULT", json.dumps({"dag_id": dag_id, "state": str(run.state), "tasks": tasks}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
