"""Short ways to read a text in tests."""

import io
from dataclasses import dataclass
from typing import Any

from headwater.formats import FormatOptions
from headwater.ingest import FileReport, Plan, read_file
from headwater.model.records import Problem, RowError


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything that came of a file."""

    rows: list[dict[str, Any]]
    errors: list[RowError]
    report: FileReport

    @property
    def problems(self) -> list[tuple[int, str, str, str]]:
        """Row number, pointer, rule and code of every problem."""
        return [(e.row_number, p.pointer, p.rule, p.code) for e in self.errors for p in e.problems]

    def problem(self) -> Problem:
        """The only problem of the only error."""
        [error] = self.errors
        [problem] = error.problems
        return problem


def read(plan: Plan, content: bytes, *, format: str = "auto", row_limit: int | None = None, **options: Any) -> Outcome:  # noqa: ANN401
    """Read a text as a file named `in/f`."""
    reader = read_file(
        io.BytesIO(content),
        plan,
        file="in/f",
        format=format,
        options=FormatOptions.from_json(options),
        row_limit=row_limit,
    )
    rows: list[dict[str, Any]] = []
    errors: list[RowError] = []
    for chunk in reader:
        assert chunk.rows.num_rows + len(chunk.errors) == chunk.read
        assert chunk.rows.schema.names == [*plan.arrow_schema.names, "row_number", "byte_offset"]
        rows += chunk.rows.to_pylist()
        errors += chunk.errors
    report = reader.report
    assert (report.read, report.failed) == (len(rows) + len(errors), len(errors))
    return Outcome(rows=rows, errors=errors, report=report)
