"""Parts of divided files: which group reads which range of which file."""

from collections.abc import Sequence

import sqlalchemy as sa

from headwater.catalog.base import Store
from headwater.catalog.tables import file_part, source_file
from headwater.model.parts import FilePart


class FileParts(Store):
    """The parts of the files that runs took; a file without parts is read whole."""

    def add(self, file_id: str, parts: Sequence[FilePart], *, first_group: int) -> None:
        """Give each part of a file a group of its own, from `first_group` on."""
        with self._begin() as connection:
            connection.execute(
                sa.insert(file_part),
                [
                    {
                        "source_file_id": file_id,
                        "number": part.number,
                        "group_number": group,
                        "byte_offset": part.offset,
                        "size_bytes": part.size_bytes,
                        "sha256": part.sha256,
                        "format": part.format,
                        "records_before": part.records_before,
                        "first_line": part.first_line,
                        "header": part.header,
                    }
                    for group, part in enumerate(parts, first_group)
                ],
            )

    def of_group(self, flow_run_id: str, group: int) -> tuple[str, FilePart] | None:
        """The part that a group of the run reads, and the id of its file; None for a group of whole files."""
        query = (
            sa.select(file_part)
            .join(source_file, source_file.c.id == file_part.c.source_file_id)
            .where(source_file.c.flow_run_id == flow_run_id, file_part.c.group_number == group)
        )
        row = self._first(query)
        return (row["source_file_id"], _part(row)) if row is not None else None

    def groups(self, flow_run_id: str) -> dict[str, list[int]]:
        """The groups that read parts of the run's files, by the file's id."""
        query = (
            sa.select(file_part.c.source_file_id, file_part.c.group_number)
            .join(source_file, source_file.c.id == file_part.c.source_file_id)
            .where(source_file.c.flow_run_id == flow_run_id)
            .order_by(file_part.c.source_file_id, file_part.c.number)
        )
        found: dict[str, list[int]] = {}
        for row in self._all(query):
            found.setdefault(row["source_file_id"], []).append(row["group_number"])
        return found


def _part(row: sa.RowMapping) -> FilePart:
    return FilePart(
        number=row["number"],
        offset=row["byte_offset"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        format=row["format"],
        records_before=row["records_before"],
        first_line=row["first_line"],
        header=row["header"],
    )
