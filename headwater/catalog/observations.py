"""Files that are not complete yet: since when each looks as it does, and since when we wait for it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from headwater.catalog.base import Store
from headwater.catalog.ledger import FileVersion
from headwater.catalog.tables import observation
from headwater.database.engine import among, upsert

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What is remembered of a file that is not complete.

    Attributes:
        signature: How it looked last, and by what it was judged.
        first_seen_at: Since when it looks so.
        waiting_since: Since when we wait for it, however it looked.
        cut: Why this version looked cut off once it was read; None if it was not read.
    """

    signature: str
    first_seen_at: datetime
    waiting_since: datetime
    cut: str | None


class Observations(Store):
    """Files that were seen and left alone, by dataflow and path."""

    def get(self, flow: str, paths: Collection[str]) -> dict[str, Observation]:
        """What is remembered of the paths; of those that are unknown, nothing."""
        with self._read() as connection:
            asked = among(connection, observation.c.path, list(paths))
            rows = connection.execute(sa.select(observation).where(observation.c.flow == flow, asked)).mappings().all()
        return {row["path"]: _observation(row) for row in rows}

    def paths(self, flow: str) -> set[str]:
        """Every path that the dataflow waits for."""
        return {row["path"] for row in self._all(sa.select(observation.c.path).where(observation.c.flow == flow))}

    def note(
        self, flow: str, files: Sequence[FileVersion], *, now: datetime, rules: Mapping[str, str] | None = None
    ) -> dict[str, Observation]:
        """Remember how files look that are not complete; returns what is known of each now, by path.

        Args:
            flow: The dataflow.
            files: How they look.
            now: The time of the look.
            rules: By path, a short digest of what their bytes are judged by; where it is another than before, an
                earlier verdict on the bytes is void.
        """
        known = self.get(flow, [file.path for file in files])
        noted: dict[str, Observation] = {}
        for file in files:
            before = known.get(file.path)
            signature = f"{file.signature}#{(rules or {}).get(file.path, '')}"
            if before is not None and before.signature == signature:
                noted[file.path] = before
            else:
                same_file = before is not None and before.signature.rpartition("#")[0] == file.signature
                noted[file.path] = Observation(
                    signature=signature,
                    first_seen_at=before.first_seen_at if before is not None and same_file else now,
                    waiting_since=before.waiting_since if before is not None else now,
                    cut=None,
                )
        self._put(flow, {path: seen for path, seen in noted.items() if known.get(path) != seen})
        return noted

    def note_cut(self, flow: str, file: FileVersion, reason: str, *, now: datetime, rules: str = "") -> None:
        """Remember that a version looked cut off by these rules when it was read, so that it is not read again."""
        seen = self.note(flow, [file], now=now, rules={file.path: rules})[file.path]
        self._put(flow, {file.path: replace(seen, cut=reason)})

    def forget(self, flow: str, paths: Collection[str]) -> None:
        """Forget files that are loaded, or gone."""
        with self._begin() as connection:
            for page in _pages(sorted(paths)):
                connection.execute(
                    sa.delete(observation).where(observation.c.flow == flow, observation.c.path.in_(page))
                )

    def _put(self, flow: str, seen: dict[str, Observation]) -> None:
        with self._begin() as connection:
            for path, entry in seen.items():
                values = {
                    "signature": entry.signature,
                    "first_seen_at": entry.first_seen_at,
                    "waiting_since": entry.waiting_since,
                    "cut": entry.cut,
                }
                connection.execute(
                    upsert(connection, observation)
                    .values(flow=flow, path=path, **values)
                    .on_conflict_do_update(index_elements=[observation.c.flow, observation.c.path], set_=values)
                )


def _observation(row: sa.RowMapping) -> Observation:
    return Observation(
        signature=row["signature"],
        first_seen_at=row["first_seen_at"],
        waiting_since=row["waiting_since"],
        cut=row["cut"],
    )


def _pages(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(paths), _PAGE):
        yield paths[start : start + _PAGE]
