"""The demo as people run it: first on a bare machine, then again on what the first left."""

import contextlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

REPOSITORY = Path(__file__).parents[2]
PATIENCE_SECONDS = 600

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.slow,
    pytest.mark.timeout(2 * PATIENCE_SECONDS),
]


@dataclass
class Demo:
    """A demo that runs, its output so far, and what was seen of its processes."""

    process: subprocess.Popen[str]
    output: str = ""
    pids: set[int] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)

    def watch(self) -> None:
        """Note every descendant and the addresses at which it listens."""
        with contextlib.suppress(psutil.NoSuchProcess):
            demo = psutil.Process(self.process.pid)
            for process in (demo, *demo.children(recursive=True)):
                self.pids.add(process.pid)
                for connection in process.net_connections("inet"):
                    if connection.status == psutil.CONN_LISTEN:
                        self.addresses.add(connection.laddr[0])

    def watch_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"the demo takes too long; its output so far:\n{self.output}"
            self.watch()
            time.sleep(0.2)

    @property
    def left(self) -> list[str]:
        """Descendants that still live, after the demo has ended."""
        found = []
        for pid in self.pids:
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{pid}: {process.cmdline()}")
        return found


@contextlib.contextmanager
def running_demo(*arguments: str) -> Iterator[Demo]:
    with subprocess.Popen(  # noqa: S603 (this test's own command line)
        [sys.executable, "-m", "demo", *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "LANG": "C.UTF-8"},
    ) as process:
        demo = Demo(process=process)
        reader = threading.Thread(target=read_output, args=(demo,))
        reader.start()
        try:
            yield demo
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
            reader.join()


def read_output(demo: Demo) -> None:
    assert demo.process.stdout is not None
    for line in demo.process.stdout:
        demo.output += line


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "state"


@pytest.fixture(scope="module")
def first(state: Path) -> Demo:
    with running_demo("--once", "--fresh", "--state", str(state)) as demo:
        demo.watch_until(lambda: demo.process.poll() is not None)
    return demo


@pytest.fixture(scope="module")
def second(first: Demo, state: Path) -> Demo:
    """Stays up until it is asked to end."""
    with running_demo("--state", str(state)) as demo:
        demo.watch_until(lambda: "Ctrl-C stops everything." in demo.output or demo.process.poll() is not None)
        demo.watch()
    return demo


def test_everything_is_right_the_first_time(first: Demo) -> None:
    assert "Everything is as the worked example says." in first.output
    assert first.process.returncode == 0


@pytest.mark.parametrize(
    ("dataset", "source", "records", "profiles"),
    [
        ("luma_loyalty_dataset", "SFTP", "1,000", "1,000 new"),
        ("luma_crm_dataset", "FTPS", "1,000", "1,000 new"),
        ("luma_product_catalog_dataset", "FTP", "92", "92 lookup"),
        ("luma_offline_purchase_events_dataset", "S3", "1,000", "1,000 events"),
        ("luma_outlet_purchase_events_dataset", "GCS", "250", "250 events"),
    ],
)
def test_tables_show_what_landed_and_who_was_told(
    first: Demo, dataset: str, source: str, records: str, profiles: str
) -> None:
    counts = rf"{dataset} +{records} +{records} +0 {profiles} +[\d.]+ s *"
    landed = re.search(rf"\n{counts}\n(\w+) from {source} *\n", first.output)
    assert landed is not None, first.output
    told = rf"{dataset} +ing_load_success +valid *\n{landed[1]} +ig_load_success +valid *\n +ps_load_success +valid *\n"
    assert re.search(told, first.output), first.output


@pytest.mark.parametrize(
    ("policy", "asked", "expected"),
    [
        ("Default", "lumaLoyaltyId", "Danny Portland gold dwright@adobe.com 252.19 212-555-5555"),
        ("Default", "lumaCrmId", "Danny Portland gold dwright@adobe.com 252.19 212-555-5555"),
        ("Loyalty Prioritized", "lumaLoyaltyId", "Daniel New York City gold dwright@adobe.com 252.19 212-555-5555"),
        ("Loyalty Prioritized", "lumaCrmId", "Daniel New York City gold dwright@adobe.com 252.19 212-555-5555"),
        ("Loyalty Only", "lumaLoyaltyId", "Daniel New York City gold 252.19"),
        ("Loyalty Only", "lumaCrmId", "nothing found"),
    ],
)
def test_table_shows_daniel_under_each_merge_policy(first: Demo, policy: str, asked: str, expected: str) -> None:
    rows = re.findall(rf"^{policy} +(.*)\nby {asked} +(.*)$", first.output, re.MULTILINE)
    assert [" ".join(f"{upper} {lower}".split()) for upper, lower in rows] == [expected]


def test_a_second_demo_finds_no_new_files_and_stays_up(second: Demo) -> None:
    for flow in ("luma-loyalty", "luma-crm", "luma-products", "luma-offline-purchases", "luma-outlet-purchases"):
        assert f"{flow}: no new files" in second.output
    assert "Everything is as the worked example says." in second.output
    assert "Stopped; nothing is left running." in second.output
    assert second.process.returncode == 0


def test_addresses_and_login_are_shown(second: Demo) -> None:
    assert re.search(r"Airflow +http://127\.0\.0\.1:\d+ *\n", second.output)
    assert re.search(r"Headwater's pages +http://127\.0\.0\.1:\d+/headwater/ *\n", second.output)
    for kind in ("sftp", "ftps", "ftp"):
        assert re.search(rf"\n.* /\S+/{kind}/outbox *\n", second.output)
    assert re.search(r"luma-exchange at http://127\.0\.0\.1:\d+ \(S3, keys in secrets\.json\)", second.output)
    assert re.search(r"luma-outlets at http://127\.0\.0\.1:\d+ \(GCS, no login\)", second.output)
    assert re.search(r"Log in as +admin, password \S+ *\n", second.output)


@pytest.mark.parametrize("name", ["first", "second"])
def test_nothing_listens_beyond_this_machine(name: str, request: pytest.FixtureRequest) -> None:
    assert request.getfixturevalue(name).addresses == {"127.0.0.1"}


@pytest.mark.skipif(sys.platform != "linux", reason="orphans come back on Linux only")
@pytest.mark.parametrize("name", ["first", "second"])
def test_nothing_is_left_running(name: str, request: pytest.FixtureRequest) -> None:
    demo: Demo = request.getfixturevalue(name)
    assert len(demo.pids) > 5
    assert demo.left == []


def test_no_secret_is_in_the_output_or_the_logs(second: Demo, first: Demo, state: Path) -> None:
    import json

    secrets = json.loads((state / "secrets.json").read_text())
    hidden = [value for name, value in secrets.items() if name != "admin_password"]
    texts = [first.output, second.output]
    texts += [log.read_text(errors="replace") for log in state.rglob("*.log")]
    assert len(texts) > 10
    assert [secret for secret in hidden for text in texts if secret in text] == []
