"""The ledger: which versions of which source files a dataflow has taken, and which it holds right now.

A version is known first by what a listing tells (path, size, time, the store's own version: its *signature*), and
once it was fetched by its content (SHA-256 and size). The ledger never expires.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from headwater.catalog.base import Store, utc_now
from headwater.catalog.source_files import (
    ORIGINAL,
    has_same_bytes,
    hold,
    hold_all,
    pages,
    source_file_of,
    was_held_until,
)
from headwater.catalog.tables import flow_run, source_file
from headwater.database.engine import among, upsert
from headwater.errors import ConflictError
from headwater.model.manifest import Expected
from headwater.model.runs import FileState, SourceFile

_MOST_OF_VERSION = 300
"""A longer version stands in a signature as its digest, so that the ledger's keys stay short."""
MAX_PATH_BYTES = 2_000
"""A longer path does not fit into the ledger's keys: an entry of PostgreSQL's B-tree has 2,704 bytes at most."""
_CLAIM_LOCK = 0x636C6169
"""PostgreSQL's advisory lock, with the dataflow: whoever claims what replaces others holds it."""
_SUPERSEDING = (FileState.CLAIMED.value, FileState.DUPLICATE.value)
_CAME = (FileState.CLAIMED.value, FileState.LOADED.value, FileState.SUPERSEDED.value, FileState.RELEASED.value)
_HERE = (FileState.CLAIMED.value, FileState.LOADED.value)
_STATES = {state.value: state for state in FileState}
_TAKEN = (FileState.CLAIMED.value, FileState.LOADED.value, FileState.DUPLICATE.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileVersion:
    """What a listing tells of a file. `path` is in its stored form (`headwater.model.paths`).

    `precision_seconds` is how exact `modified_at` is, as `connectors.base.RemoteFile` has it; it is not kept.
    """

    path: str
    size_bytes: int | None
    modified_at: datetime | None
    version: str | None
    precision_seconds: int = field(default=1, compare=False)

    @property
    def modified_by(self) -> datetime | None:
        """The latest time at which the file may have been modified; None if the source gives no time."""
        if self.modified_at is None:
            return None
        return self.modified_at + timedelta(seconds=self.precision_seconds - 1)

    @property
    def signature(self) -> str:
        """Two versions of a path with the same signature count as the same until their bytes were seen."""
        modified = self.modified_at.isoformat() if self.modified_at is not None else ""
        version = self.version or ""
        if len(version) > _MOST_OF_VERSION:
            version = hashlib.sha256(version.encode()).hexdigest()
        return f"{'' if self.size_bytes is None else self.size_bytes}|{modified}|{version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A file version that a run takes.

    `supersedes` are ids of earlier versions whose rows this one replaces; `expected` is what a manifest says of it.
    """

    id: str
    file: FileVersion
    group: int
    supersedes: tuple[str, ...] = ()
    expected: Expected | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to become of a file whose bytes are known.

    `claimed`: read it. `duplicate`: its bytes are those of `original`. `released`: another run is loading them from
    there.
    """

    state: FileState
    original: str | None


class Ledger(Store):
    """File versions and claims on them."""

    def known(self, flow: str, paths: Sequence[str]) -> dict[str, dict[str, list[tuple[str, FileState]]]]:
        """Ids and states of the versions that were taken, by path and signature; other paths are left out."""
        found: dict[str, dict[str, list[tuple[str, FileState]]]] = {}
        columns = (source_file.c.id, source_file.c.path, source_file.c.signature, source_file.c.state)
        with self._read() as connection:
            asked = among(connection, source_file.c.path, paths)
            here = (source_file.c.flow == flow) & asked & source_file.c.state.in_(_TAKEN)
            rows = connection.execute(sa.select(*columns).where(here)).all()
        for file_id, path, signature, state in rows:
            found.setdefault(path, {}).setdefault(signature, []).append((file_id, _STATES[state]))
        return found

    def claim(
        self,
        flow: str,
        flow_run_id: str,
        claims: Sequence[Claim],
        *,
        state: FileState = FileState.CLAIMED,
        one_of_a_path: bool = False,
    ) -> list[str]:
        """Take file versions for a run; returns the ids of those that it got.

        A version that another run holds is left to that run: the database decides, also between two runs at once. So is
        one that is to replace versions which are loaded no longer. With `one_of_a_path` a version is taken only where
        it replaces every version of its path that is loaded or held: what has changed since the source was listed is
        left to the next run, which looks again. With state `checked` nothing is held: a dry run only remembers what it
        looks at.
        """
        got: list[str] = []
        now = utc_now()
        with self._begin() as connection:
            outdated = set()
            if state is FileState.CLAIMED:
                outdated = self._outdated(connection, flow, claims, one_of_a_path=one_of_a_path)
            for claim in claims:
                if claim.id in outdated:
                    continue
                taken = connection.execute(
                    upsert(connection, source_file)
                    .values(
                        id=claim.id,
                        flow=flow,
                        path=claim.file.path,
                        signature=claim.file.signature,
                        size_bytes=claim.file.size_bytes,
                        modified_at=claim.file.modified_at,
                        version=claim.file.version,
                        state=state.value,
                        flow_run_id=flow_run_id,
                        group_number=claim.group,
                        supersedes=list(claim.supersedes),
                        expected=claim.expected.to_json() if claim.expected is not None else None,
                        changed_at=now,
                    )
                    .on_conflict_do_nothing()
                    .returning(source_file.c.id)
                ).scalar_one_or_none()
                if taken is not None:
                    got.append(taken)
        return got

    @staticmethod
    def _outdated(connection: sa.Connection, flow: str, claims: Sequence[Claim], *, one_of_a_path: bool) -> set[str]:
        """The claims that rest on a listing which is no longer true; nobody else claims until the transaction's end."""
        asking = [claim for claim in claims if one_of_a_path or claim.supersedes]
        if not asking:
            return set()
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CLAIM_LOCK, sa.func.hashtext(flow))))
        there: dict[str, set[str]] = {}
        query = sa.select(source_file.c.path, source_file.c.id).where(
            source_file.c.flow == flow,
            among(connection, source_file.c.path, [claim.file.path for claim in asking]),
            source_file.c.state.in_(_HERE),
        )
        for path, file_id in connection.execute(query):
            there.setdefault(path, set()).add(file_id)
        outdated = set()
        for claim in asking:
            found, replaced = there.get(claim.file.path, set()), {*claim.supersedes}
            if found != replaced if one_of_a_path else not replaced <= found:
                outdated.add(claim.id)
        return outdated

    def of_run(self, flow_run_id: str, *, group: int | None = None) -> list[SourceFile]:
        """The files that a run took, by path; of one group, or all."""
        query = sa.select(source_file).where(source_file.c.flow_run_id == flow_run_id)
        if group is not None:
            query = query.where(source_file.c.group_number == group)
        return [source_file_of(row) for row in self._all(query.order_by(source_file.c.path, source_file.c.id))]

    def came(self, flow: str, *, after: datetime, until: datetime) -> int:
        """How many new files the dataflow's runs held that began in a time (aware, half open: `after < time <= until`).

        Also those of batches that failed. Not versions that an earlier run held, copies of loaded bytes, or files that
        were loaded anew; a file that was given back, and taken again in the same time, counts once.
        """
        columns = (source_file.c.path, source_file.c.sha256, source_file.c.state, source_file.c.supersedes)
        query = (
            sa.select(*columns, flow_run.c.request)
            .select_from(source_file.join(flow_run, flow_run.c.id == source_file.c.flow_run_id))
            .where(
                flow_run.c.flow == flow,
                flow_run.c.started_at > after,
                flow_run.c.started_at <= until,
                source_file.c.state.in_(_CAME),
                ~was_held_until(after),
            )
        )
        rows = [row for row in self._all(query) if not (row["supersedes"] and row["request"].get("reprocess"))]
        held = [row for row in rows if row["state"] != FileState.RELEASED]
        paths, contents = {row["path"] for row in held}, {row["sha256"] or row["path"] for row in held}
        given_back = {row["path"] for row in rows if row["path"] not in paths and row["sha256"] not in contents}
        return len(contents) + len(given_back)

    def superseded_by(self, flow_run_id: str) -> list[str]:
        """Ids of the earlier file versions whose rows the run's files replace, once `confirm_superseded` was called."""
        query = sa.select(source_file.c.supersedes).where(
            source_file.c.flow_run_id == flow_run_id, source_file.c.state.in_(_SUPERSEDING)
        )
        return sorted({old for row in self._all(query) for old in row["supersedes"]})

    def confirm_superseded(self, flow_run_id: str) -> None:
        """Decide which of the run's duplicates replace earlier versions of their paths; call it before the commit.

        Those do whose bytes stay in the lake from elsewhere. The others replace nothing now: their bytes are those of
        the very version that they would replace, or of one that another file of the run replaces.
        """
        columns = (source_file.c.id, source_file.c.state, source_file.c.sha256, source_file.c.supersedes)
        with self._begin() as connection:
            rows = connection.execute(
                sa.select(*columns).where(
                    source_file.c.flow_run_id == flow_run_id, source_file.c.state.in_(_SUPERSEDING)
                )
            ).all()
            claimed = {old for row in rows if row.state == FileState.CLAIMED for old in row.supersedes}
            duplicates = [row for row in rows if row.state == FileState.DUPLICATE and row.supersedes]
            originals = self._originals(connection, flow_run_id, {row.sha256 for row in duplicates})
            able = [row for row in duplicates if originals[row.sha256] - claimed - {*row.supersedes}]
            leaving = claimed.union(*(row.supersedes for row in able))
            confirmed = {row.id for row in able if originals[row.sha256] - leaving}
            for row in duplicates:
                if row.id not in confirmed:
                    connection.execute(sa.update(source_file).where(source_file.c.id == row.id).values(supersedes=[]))

    @staticmethod
    def _originals(connection: sa.Connection, flow_run_id: str, contents: Collection[str]) -> dict[str, set[str]]:
        """By SHA-256, the file versions of the run's dataflow that are loaded, or that the run is loading."""
        found: dict[str, set[str]] = {content: set() for content in contents}
        flow = sa.select(flow_run.c.flow).where(flow_run.c.id == flow_run_id).scalar_subquery()
        claimed = (source_file.c.flow_run_id == flow_run_id) & (source_file.c.state == FileState.CLAIMED.value)
        for page in pages(sorted(contents)):
            query = sa.select(source_file.c.sha256, source_file.c.id).where(
                source_file.c.flow == flow,
                source_file.c.sha256.in_(page),
                claimed | (source_file.c.state == FileState.LOADED.value),
            )
            for sha256, file_id in connection.execute(query):
                found[sha256].add(file_id)
        return found

    def record_content(self, file_id: str, *, sha256: str, size_bytes: int, reprocess: bool) -> Verdict:
        """Say what a claimed file's bytes are, and learn whether to read them.

        Bytes that were loaded, or that another file of the same run brings, make this one a duplicate. With
        `reprocess`, a loaded file of the same bytes is superseded instead. Bytes that another open run is loading are
        left to it: this file is given back.

        Raises:
            ConflictError: the run no longer holds the file: it was taken for dead and closed.
        """
        with self._begin() as connection:
            mine = connection.execute(sa.select(source_file).where(source_file.c.id == file_id)).mappings().one()
            self._lock_flow(connection, mine["flow"], mine["flow_run_id"])
            same = connection.execute(
                sa.select(source_file.c.id, source_file.c.path, source_file.c.state, source_file.c.flow_run_id).where(
                    source_file.c.flow == mine["flow"],
                    source_file.c.sha256 == sha256,
                    source_file.c.size_bytes == size_bytes,
                    source_file.c.id != file_id,
                    source_file.c.state.in_((FileState.LOADED.value, FileState.CLAIMED.value)),
                )
            ).all()
            loaded = [row for row in same if row.state == FileState.LOADED]
            beside = [row for row in same if row.state == FileState.CLAIMED and row.flow_run_id == mine["flow_run_id"]]
            elsewhere = [row for row in same if row.state == FileState.CLAIMED and row not in beside]
            values: dict[str, Any] = {"sha256": sha256, "size_bytes": size_bytes, "changed_at": utc_now()}
            if elsewhere:
                verdict = Verdict(state=FileState.RELEASED, original=elsewhere[0].path)
            elif beside or (loaded and not reprocess):
                verdict = Verdict(state=FileState.DUPLICATE, original=(beside or loaded)[0].path)
            else:
                verdict = Verdict(state=FileState.CLAIMED, original=None)
                values["supersedes"] = sorted({*mine["supersedes"], *(row.id for row in loaded)})
            taken = connection.execute(
                sa.update(source_file)
                .where(source_file.c.id == file_id, source_file.c.state == FileState.CLAIMED.value)
                .values(state=verdict.state.value, **values)
            )
            if taken.rowcount != 1:
                raise ConflictError(f"file {mine['path']!r} is no longer held by flow run {mine['flow_run_id']}")
        return verdict

    @staticmethod
    def _lock_flow(connection: sa.Connection, flow: str, flow_run_id: str) -> None:
        """One at a time among the open runs of a dataflow, until the end of the transaction.

        Raises:
            ConflictError: the run is not open.
        """
        open_runs = connection.execute(
            sa.select(flow_run.c.id)
            .where(flow_run.c.flow == flow, flow_run.c.completed_at.is_(None))
            .order_by(flow_run.c.id)
            .with_for_update()
        ).scalars()
        if flow_run_id not in list(open_runs):
            raise ConflictError(f"flow run {flow_run_id} was closed; what it held was given back")

    def retake_duplicates(self, flow_run_id: str, group: int) -> None:
        """A group is read again: what an earlier attempt found to be duplicates is looked at anew."""
        with self._begin() as connection:
            connection.execute(
                sa.update(source_file)
                .where(
                    source_file.c.flow_run_id == flow_run_id,
                    source_file.c.group_number == group,
                    source_file.c.state == FileState.DUPLICATE.value,
                )
                .values(state=FileState.CLAIMED.value, sha256=None, changed_at=utc_now())
            )

    def settle(self, flow_run_id: str) -> None:
        """The run's files are in the lake; those that they supersede no longer are.

        A duplicate whose original is not in the lake is given back: one of the run's own whose original did not load
        after all, and one of any run whose original is superseded.
        """
        mine = source_file.c.flow_run_id == flow_run_id
        duplicate = source_file.c.state == FileState.DUPLICATE.value
        orphan = duplicate & ~has_same_bytes(ORIGINAL.c.state == FileState.LOADED.value)
        with self._begin() as connection:
            held = connection.execute(
                sa.select(source_file.c.supersedes).where(mine, source_file.c.state.in_(_SUPERSEDING))
            ).scalars()
            old = sorted({file_id for supersedes in held for file_id in supersedes})
            of_old = [has_same_bytes(ORIGINAL.c.id.in_(page)) for page in pages(old)]
            hold_all(
                connection, [mine & source_file.c.state.in_(_SUPERSEDING), *(duplicate & each for each in of_old)], old
            )
            for page in pages(old):
                self._set_state(connection, source_file.c.id.in_(page), FileState.SUPERSEDED)
            self._set_state(connection, mine & (source_file.c.state == FileState.CLAIMED.value), FileState.LOADED)
            self._set_state(connection, mine & orphan, FileState.RELEASED)
            for each in of_old:
                self._set_state(connection, each & orphan, FileState.RELEASED)

    def has_superseded(self, flow_run_id: str, *, since: datetime | None = None) -> bool:
        """Whether a file that the run loaded was replaced: after a moment (aware), or ever."""
        query = sa.select(source_file.c.id).where(
            source_file.c.flow_run_id == flow_run_id, source_file.c.state == FileState.SUPERSEDED.value
        )
        if since is not None:
            query = query.where(source_file.c.changed_at > since)
        return self._first(query.limit(1)) is not None

    def batches_of(self, file_ids: Sequence[str]) -> set[str]:
        """The batches that the files were taken into."""
        found: set[str] = set()
        with self._read() as connection:
            for page in pages(file_ids):
                query = (
                    sa.select(flow_run.c.batch_id)
                    .join(source_file, source_file.c.flow_run_id == flow_run.c.id)
                    .where(source_file.c.id.in_(page), flow_run.c.batch_id.is_not(None))
                )
                found.update(connection.execute(query).scalars())
        return found

    def stuck(self) -> dict[str, int]:
        """How many files each closed run still holds, by run; an intact catalog has none."""
        query = (
            sa.select(source_file.c.flow_run_id, sa.func.count().label("files"))
            .join(flow_run, flow_run.c.id == source_file.c.flow_run_id)
            .where(source_file.c.state == FileState.CLAIMED.value, flow_run.c.completed_at.is_not(None))
            .group_by(source_file.c.flow_run_id)
            .order_by(source_file.c.flow_run_id)
        )
        return {row["flow_run_id"]: row["files"] for row in self._all(query)}

    def release(self, flow_run_id: str) -> int:
        """Give back what the run took and did not load; returns how many files."""
        unloaded = (FileState.CLAIMED.value, FileState.DUPLICATE.value)
        with self._begin() as connection:
            return self._set_state(
                connection,
                (source_file.c.flow_run_id == flow_run_id) & source_file.c.state.in_(unloaded),
                FileState.RELEASED,
            )

    def release_loaded(self, flow_run_id: str) -> int:
        """Give back what the run loaded, after its rows were removed, and what counted as a duplicate of it.

        Returns:
            How many files may be taken again.
        """
        same_bytes = has_same_bytes(
            (ORIGINAL.c.flow_run_id == flow_run_id) & (ORIGINAL.c.state == FileState.LOADED.value)
        )
        loaded = (source_file.c.flow_run_id == flow_run_id) & (source_file.c.state == FileState.LOADED.value)
        with self._begin() as connection:
            duplicates = same_bytes & (source_file.c.state == FileState.DUPLICATE.value)
            hold_all(connection, [duplicates, loaded])
            released = self._set_state(connection, duplicates, FileState.RELEASED)
            return released + self._set_state(connection, loaded, FileState.RELEASED)

    def release_files(self, file_ids: Collection[str]) -> None:
        """Give back single files, such as one that changed while it was read."""
        with self._begin() as connection:
            self._set_state(connection, source_file.c.id.in_(list(file_ids)), FileState.RELEASED)

    @staticmethod
    def _set_state(connection: sa.Connection, which: sa.ColumnElement[bool], state: FileState) -> int:
        hold(connection, which)
        values = {"state": state.value, "changed_at": utc_now()}
        return connection.execute(sa.update(source_file).where(which).values(**values)).rowcount
