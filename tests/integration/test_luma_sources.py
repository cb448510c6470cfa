"""The Luma dataflows from each kind of source: what lands is the same, whichever way the files came."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import pytest

from demo.data import file_contents
from demo.people import loyalty_id_of
from headwater.lake.schemas import SYSTEM_COLUMN
from headwater.model.documents import Account, Dataflow, SecretRef
from headwater.model.records import RecordCounts
from headwater.model.runs import FlowRunState
from tests.integration.installation import ALL_FLOWS, Installation, environment, luma_installation
from tests.servers.gcs import gcp_emulator
from tests.servers.pyftpdlib_ftp import pyftpdlib_server
from tests.servers.seaweedfs import seaweedfs

ACCOUNT = "luma_sftp"
SECRETS = ("password", "secret_key")
PEOPLE = 40
Config = Mapping[str, object]


def local_folder(luma: Installation) -> AbstractContextManager[Config]:
    return nullcontext({"root_path": str(luma.outbox.parent)})


@contextmanager
def ftp(luma: Installation) -> Iterator[Config]:
    with pyftpdlib_server(luma.outbox.parent) as server:
        yield server.config()


@contextmanager
def ftps(luma: Installation) -> Iterator[Config]:
    with pyftpdlib_server(luma.outbox.parent, tls="explicit") as server:
        yield server.config()


@contextmanager
def s3_bucket(luma: Installation) -> Iterator[Config]:
    with seaweedfs() as store:
        bucket = store.new_bucket()
        for name, content in file_contents(luma.data).items():
            store.client.put_object(Bucket=bucket, Key=f"outbox/{name}", Body=content)
        yield store.config(bucket)


@contextmanager
def gcs_bucket(luma: Installation) -> Iterator[Config]:
    with gcp_emulator() as emulator:
        bucket = emulator.new_bucket()
        for name, content in file_contents(luma.data).items():
            emulator.client.bucket(bucket).blob(f"outbox/{name}").upload_from_string(content)
        yield emulator.config(bucket)


@pytest.fixture(scope="module")
def over_sftp(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What lands when the example is run as it is written."""
    with luma_installation(tmp_path_factory.mktemp("sftp")) as luma:
        luma.put_samples()
        return load(luma)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "source"),
    [("local", local_folder), ("ftp", ftp), ("ftps", ftps), ("s3", s3_bucket), ("gcs", gcs_bucket)],
    ids=["local", "ftp", "ftps", "s3", "gcs"],
)
def test_the_same_lands_from_each_kind_of_source(
    luma: Installation,
    over_sftp: dict[str, Any],
    kind: str,
    source: Callable[[Installation], AbstractContextManager[Config]],
) -> None:
    luma.put_samples()
    with ExitStack() as stack:
        config = stack.enter_context(source(luma))
        stack.enter_context(environment({variable(name): str(config[name]) for name in SECRETS if name in config}))
        params = {
            name: SecretRef(env=variable(name)).to_json() if name in SECRETS else value
            for name, value in config.items()
        }
        luma.workspace.catalog.resources.put(Account(name=ACCOUNT, type=kind, params=params))
        assert load(luma) == over_sftp
    assert luma.sftp.counts.connections == 0


def load(luma: Installation) -> dict[str, Any]:
    """Run all dataflows, twice each, and return what is in lake and profile store; nothing says how it came there."""
    counts = {}
    for name in ALL_FLOWS:
        flow = at_once(luma.flow(name))
        run = luma.run(name, flow)
        assert run.state is FlowRunState.SUCCESS, run.errors
        counts[name] = run.counts
        again = luma.run(name, flow)
        assert (again.state, again.files) == (FlowRunState.NO_NEW_DATA, 0)
    assert counts["luma-loyalty"] == RecordCounts(read=1000, loaded=1000)
    lake = luma.workspace.lake
    datasets = [luma.flow(name).target.dataset for name in ALL_FLOWS]
    rows = {dataset: lake.scan(dataset).drop_columns([SYSTEM_COLUMN]).to_pylist() for dataset in datasets}
    return {
        "counts": counts,
        "rows": {dataset: sorted(map(repr, found)) for dataset, found in rows.items()},
        "store": luma.workspace.profile_store.counts(),
        "profiles": [profile_of(luma, member) for member in range(PEOPLE)],
    }


def profile_of(luma: Installation, member: int) -> object:
    """A member's attributes, their provenance by dataset, and events."""
    profile = luma.look_up("lumaLoyaltyId", loyalty_id_of(luma.data.loyalty[member]))
    assert profile is not None
    origins = {pointer: origin.dataset for pointer, origin in profile.provenance.items()}
    return profile.attributes, profile.identities, origins, [event.body for event in profile.events]


def at_once(flow: Dataflow) -> Dataflow:
    """The dataflow without the wait for files to settle; a bucket's files are as old as their upload."""
    ready = flow.source.ready.model_copy(update={"settle_seconds": 0})
    return flow.model_copy(update={"source": flow.source.model_copy(update={"ready": ready})})


def variable(name: str) -> str:
    """The environment variable that holds a secret parameter."""
    return f"TEST_LUMA_{name.upper()}"
