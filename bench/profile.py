"""The profile store against what one would write without it.

`python bench/profile.py [--rows N] [--rounds N] [--databases sqlite,postgresql] [--json]`. Every record has two random
identities and about 300 bytes; all cases read the same Arrow file. Each case runs in a process of its own, cases in
turn; medians are taken of three rounds, or of one where there are very many rows. Rates are per second of wall time,
since much of it is waiting for the disk. On SQLite, where one process does everything, `cpu` compares processor time as
well. Machines differ and change: compare ratios of one run, never figures of two.

`ours`: `load_identities` and `load_profiles` of one batch: fragments, vertices, links, components, counts, found by any
identity, removable by batch. Then, on the same store: `increment`, the links of a second batch of 10,000 records, half
of which join graphs that are there (`increment/graph` is its time in that of the first batch's links), `look_up`, a
merged profile by its second identity, and `hub`, the links of 40 people more around one device that 10,000 share
(`hub_first` is the same with the first of them).

`plain`: one upsert for each record's fragment and one for its link in either direction, so that it is found by both
identities, in the order of the file: `executemany` on SQLite, COPY into a temporary table and INSERT … ON CONFLICT on
PostgreSQL, 50,000 records at a time, with the same settings of the database. It checks no value, finds no components,
keeps to no limit, counts nothing, and could not take a batch out again.
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
from sqlalchemy.engine import Connection

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from headwater.model.documents import IdentityType, MergePolicy
from headwater.model.xdm import IdentityField
from headwater.profile_store import BatchLoad, ProfileStore
from headwater.profile_store.engine import open_database, writing
from tests.servers.postgres import postgres_server

MANY_ROWS = 300_000
PLAIN_ROWS = 50_000
INCREMENT = 10_000
LOOK_UPS = 200
HUB_BATCHES, HUB_PEOPLE = 250, 40
FIRST = IdentityField(path=("ids", "loyaltyId"), namespace="loyaltyId", primary=True)
SECOND = IdentityField(path=("ids", "crmId"), namespace="crmId", primary=False)
SCHEMA = pa.schema(
    [
        ("ids", pa.struct([("loyaltyId", pa.string()), ("crmId", pa.string())])),
        ("person", pa.struct([("firstName", pa.string()), ("lastName", pa.string())])),
        ("homeAddress", pa.struct([("street", pa.string()), ("city", pa.string()), ("postalCode", pa.string())])),
        ("loyalty", pa.struct([("points", pa.int64()), ("tier", pa.string()), ("since", pa.timestamp("us", "UTC"))])),
        ("note", pa.string()),
    ]
)
PLAIN_TABLES = (
    "CREATE TABLE plain_fragment (namespace {text}, value {text}, dataset {text}, batch {text}, ingested {int},"
    " body {text}, PRIMARY KEY (namespace, value, dataset)) {end}",
    "CREATE TABLE plain_link (namespace {text}, value {text}, other_namespace {text}, other_value {text},"
    " dataset {text}, batch {text}, seen {int},"
    " PRIMARY KEY (namespace, value, other_namespace, other_value, dataset)) {end}",
)
FRAGMENT_UPSERT = (
    " ON CONFLICT (namespace, value, dataset) DO UPDATE"
    " SET batch = excluded.batch, ingested = excluded.ingested, body = excluded.body"
)
LINK_UPSERT = (
    " ON CONFLICT (namespace, value, other_namespace, other_value, dataset) DO UPDATE"
    " SET batch = excluded.batch, seen = excluded.seen"
)


def write_files(folder: Path, rows: int) -> None:
    """A file of `rows` records with random identities, and one of records of which half join those."""
    chance = random.Random(7)
    pairs: list[tuple[str, str]] = []
    with pa.ipc.new_file(folder / "first.arrow", SCHEMA) as writer:
        for start in range(0, rows, 10_000):
            part = [(f"{chance.getrandbits(64):016x}", f"{chance.getrandbits(128):032x}") for _ in range(10_000)]
            pairs += part[:INCREMENT]
            kept = part[: rows - start]
            writer.write_batch(pa.RecordBatch.from_pylist([_record(*pair, chance) for pair in kept], schema=SCHEMA))
    joined = chance.sample(pairs[: min(rows, len(pairs))], INCREMENT // 2)
    new = [
        *((one, f"{chance.getrandbits(128):032x}") for one, _ in joined),
        *((f"{chance.getrandbits(64):016x}", f"{chance.getrandbits(128):032x}") for _ in range(INCREMENT // 2)),
    ]
    chance.shuffle(new)
    with pa.ipc.new_file(folder / "second.arrow", SCHEMA) as writer:
        writer.write_batch(pa.RecordBatch.from_pylist([_record(*pair, chance) for pair in new], schema=SCHEMA))
    (folder / "asked.json").write_text(json.dumps([second for _, second in chance.sample(pairs[:rows], LOOK_UPS)]))


def _record(loyalty_id: str, crm_id: str, chance: random.Random) -> dict[str, Any]:
    return {
        "ids": {"loyaltyId": loyalty_id, "crmId": crm_id},
        "person": {"firstName": f"First{chance.randrange(5000)}", "lastName": f"Last{chance.randrange(90000)}"},
        "homeAddress": {
            "street": f"{chance.randrange(999)} Some Street",
            "city": f"City{chance.randrange(800)}",
            "postalCode": f"{chance.randrange(99999):05}",
        },
        "loyalty": {
            "points": chance.randrange(10**6),
            "tier": chance.choice(["gold", "silver", "bronze"]),
            "since": datetime(2020, 1, 1 + chance.randrange(28), tzinfo=UTC),
        },
        "note": "x" * 40,
    }


def read(folder: Path, file: str) -> Iterator[pa.RecordBatch]:
    """The records of a file, read as they are asked for."""
    with pa.memory_map(str(folder / file)) as source:
        reader = pa.ipc.open_file(source)
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)


def ours(folder: Path, url: str) -> dict[str, float]:
    """Load, add to, and ask our store; seconds."""
    first, second = _load("B1", 1), _load("B2", 2)
    with ProfileStore.open(url) as store:
        cpu = time.process_time()
        seconds = {
            "graph": _time(lambda: store.load_identities(first, read(folder, "first.arrow"))),
            "profiles": _time(lambda: store.load_profiles(first, read(folder, "first.arrow"))),
        }
        seconds |= {"all": sum(seconds.values()), "cpu": time.process_time() - cpu}
        seconds["increment"] = _time(lambda: store.load_identities(second, read(folder, "second.arrow")))
        policy = MergePolicy(name="default")
        asked = json.loads((folder / "asked.json").read_text())
        times = [_time(lambda: store.look_up("crmId", value, policy)) for value in asked]  # noqa: B023 - called at once
        seconds["look_up"] = statistics.median(times)
        seconds["look_up_slow"] = sorted(times)[int(len(times) * 0.95)]
        times = [_time(lambda: store.load_identities(*_around_hub(number))) for number in range(HUB_BATCHES)]  # noqa: B023 - called at once
        seconds |= {"hub_first": statistics.median(times[:9]), "hub": statistics.median(times[-9:])}
    return seconds


def _around_hub(number: int) -> tuple[BatchLoad, list[pa.RecordBatch]]:
    """People who use one device, and whom nobody has seen before."""
    load = replace(
        _load(f"H{number}", 3), namespaces={"device": IdentityType.DEVICE, "crmId": IdentityType.CROSS_DEVICE}
    )
    fields = [IdentityField(path=(name,), namespace=name, primary=False) for name in ("device", "crmId")]
    people = [f"{number}-{each}" for each in range(HUB_PEOPLE)]
    rows = pa.RecordBatch.from_pydict({"device": ["hub-1"] * HUB_PEOPLE, "crmId": people})
    return replace(load, identities=tuple(fields), ingested_at=load.ingested_at + timedelta(minutes=number)), [rows]


def _load(batch_id: str, day: int) -> BatchLoad:
    return BatchLoad(
        batch_id=batch_id,
        dataset="loyalty",
        ingested_at=datetime(2026, 11, day, tzinfo=UTC),
        behavior="record",
        identities=(FIRST, SECOND),
        namespaces={"loyaltyId": IdentityType.CROSS_DEVICE, "crmId": IdentityType.CROSS_DEVICE},
    )


def _time(work: Any) -> float:  # noqa: ANN401 - any call
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def plain(folder: Path, url: str) -> dict[str, float]:
    """What one writes first; seconds."""
    engine = open_database(url)
    postgresql = engine.dialect.name == "postgresql"
    write = _copy_and_upsert if postgresql else _upsert
    with writing(engine) as connection:
        kinds = {"text": "text", "int": "bigint", "end": "" if postgresql else "WITHOUT ROWID"}
        for statement in PLAIN_TABLES:
            connection.exec_driver_sql(statement.format(**kinds))
    start, cpu = time.perf_counter(), time.process_time()
    with writing(engine) as connection:
        waiting: list[dict[str, Any]] = []
        for rows in read(folder, "first.arrow"):
            waiting += rows.to_pylist()
            if len(waiting) >= PLAIN_ROWS:
                write(connection, *_plain_rows(waiting))
                waiting = []
        if waiting:
            write(connection, *_plain_rows(waiting))
    seconds = {"all": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    engine.dispose()
    return seconds


def _plain_rows(records: list[dict[str, Any]]) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    fragments, links = [], []
    for record in records:
        one, other = record["ids"]["loyaltyId"], record["ids"]["crmId"]
        fragments.append(("loyaltyId", one, "loyalty", "B1", 1, orjson.dumps(record).decode()))
        links.append(("loyaltyId", one, "crmId", other, "loyalty", "B1", 1))
        links.append(("crmId", other, "loyaltyId", one, "loyalty", "B1", 1))
    return fragments, links


def _upsert(connection: Connection, fragments: list[tuple[Any, ...]], links: list[tuple[Any, ...]]) -> None:
    connection.exec_driver_sql(f"INSERT INTO plain_fragment VALUES (?, ?, ?, ?, ?, ?){FRAGMENT_UPSERT}", fragments)
    connection.exec_driver_sql(f"INSERT INTO plain_link VALUES (?, ?, ?, ?, ?, ?, ?){LINK_UPSERT}", links)


def _copy_and_upsert(connection: Connection, fragments: list[tuple[Any, ...]], links: list[tuple[Any, ...]]) -> None:
    driver: Any = connection.connection.driver_connection
    for table, rows, upsert in (("fragment", fragments, FRAGMENT_UPSERT), ("link", links, LINK_UPSERT)):
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE stage (LIKE plain_{table}) ON COMMIT DROP")
        types = ["int8" if isinstance(value, int) else "text" for value in rows[0]]
        with driver.cursor() as cursor, cursor.copy("COPY stage FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)
        connection.exec_driver_sql(f"INSERT INTO plain_{table} SELECT * FROM stage{upsert}")
        connection.exec_driver_sql("DROP TABLE stage")


CASES = {"ours": ours, "plain": plain}


def measure(rows: int, rounds: int, databases: list[str]) -> dict[str, Any]:
    """All cases in turn, as medians, and the ratios that matter, each the median of the rounds' own."""
    runs: dict[str, list[dict[str, float]]] = {f"{case}_{each}": [] for each in databases for case in CASES}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        write_files(folder, rows)
        size_bytes = (folder / "first.arrow").stat().st_size
        server = stack.enter_context(postgres_server()) if "postgresql" in databases else None
        for number in range(rounds):
            for case, results in runs.items():
                with ExitStack() as round_stack:
                    url = f"sqlite:///{folder}/{case}{number}.db"
                    if case.endswith("postgresql") and server is not None:
                        url = round_stack.enter_context(server.database())
                    command = [sys.executable, __file__, "--case", case.partition("_")[0], "--folder", name]
                    done = subprocess.run([*command, "--url", url], capture_output=True, text=True, check=True)  # noqa: S603
                    results.append(json.loads(done.stdout))
                for file in folder.glob("*.db*"):
                    file.unlink()
    cases = {
        case: {
            "per_second": round(rows / statistics.median(each["all"] for each in results)),
            "mb_per_second": round(size_bytes / 1e6 / statistics.median(each["all"] for each in results), 1),
            "peak_rss_mb": round(max(each["peak_rss_mb"] for each in results)),
        }
        for case, results in runs.items()
    }
    ratios: dict[str, float] = {}
    for each in databases:
        mine, theirs = runs[f"ours_{each}"], runs[f"plain_{each}"]
        ratios[f"ours/plain {each}"] = _median(b["all"] / a["all"] for a, b in zip(mine, theirs, strict=True))
        if each == "sqlite":
            ratios["ours/plain sqlite, cpu"] = _median(b["cpu"] / a["cpu"] for a, b in zip(mine, theirs, strict=True))
        ratios[f"increment/graph {each}"] = _median(run["increment"] / run["graph"] for run in mine)
        cases[f"ours_{each}"] |= {
            f"{name}_seconds": _median(run[name] for run in mine)
            for name in ("graph", "profiles", "increment", "look_up", "look_up_slow", "hub_first", "hub")
        }
    return {"rows": rows, "rounds": rounds, "cases": cases, "ratios": ratios}


def _median(values: Iterator[float]) -> float:
    return round(statistics.median(values), 5)


def main() -> None:
    """Measure, or run one case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, help=f"3; 1 for more than {MANY_ROWS:,} rows")
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        seconds = CASES[arguments.case](arguments.folder, arguments.url)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(seconds | {"peak_rss_mb": peak}))
        return
    rounds = arguments.rounds or (3 if arguments.rows <= MANY_ROWS else 1)
    result = measure(arguments.rows, rounds, arguments.databases.split(","))
    if arguments.json:
        print(json.dumps(result))
        return
    for name, case in result["cases"].items():
        print(f"{name:18}", *(f"{key} {value:,}" for key, value in case.items()))
    for name, ratio in result["ratios"].items():
        print(f"{name:28} {ratio:>8}")


if __name__ == "__main__":
    main()
