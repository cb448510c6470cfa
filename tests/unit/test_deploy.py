"""The deployed shape, as far as it can be checked without a container engine."""

import base64
import configparser
import os
import re
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from compose_pydantic import ComposeSpecification  # type: ignore[import-untyped]

from headwater.lake.storage import parse_location
from headwater.settings import Settings
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.tools import require

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
AIRFLOW_SERVICES = {"init", "api-server", "scheduler", "dag-processor", "triggerer", "worker"}
SCRIPTS = sorted(DEPLOY.rglob("*.sh"))


def shell(script: Path, *arguments: str | Path, **environment: str | Path) -> str:
    """Run one of our scripts; its output."""
    variables = {"PATH": os.environ["PATH"]} | {name: str(value) for name, value in environment.items()}
    done = subprocess.run(  # noqa: S603 (our own scripts)
        [require("sh", "dash"), script, *arguments],
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def cluster(secrets: Path) -> Iterator[PostgresServer]:
    psql = require("psql", "postgresql-client", folders=sorted(Path("/usr/lib/postgresql").glob("*/bin")))
    with postgres_server() as server:
        administer(server, server.user, "CREATE ROLE postgres SUPERUSER LOGIN")
        administer(server, "postgres", f"ALTER ROLE {server.user} RENAME TO first_user")
        shell(
            DEPLOY / "postgres" / "create-databases.sh",
            SECRETS_DIR=secrets,
            POSTGRES_USER="postgres",
            PGHOST=server.socket_folder,
            PATH=f"{psql.parent}:{os.environ['PATH']}",
        )
        yield server


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deploy") / "secrets"
    shell(DEPLOY / "make-secrets.sh", folder)
    return folder


def administer(server: PostgresServer, user: str, statement: str) -> None:
    with psycopg.connect(host=str(server.socket_folder), user=user, dbname="postgres", autocommit=True) as connection:
        connection.execute(statement.encode())


def text_of_everything_deployed() -> str:
    files = [ROOT / "docker-compose.yaml", ROOT / "Dockerfile", *SCRIPTS]
    return "\n".join(file.read_text() for file in files)


class TestCompose:
    def test_it_fits_the_compose_specification(self) -> None:
        without_extensions = {key: value for key, value in COMPOSE.items() if not key.startswith("x-")}

        ComposeSpecification.model_validate(without_extensions)

    @pytest.mark.parametrize("service", SERVICES)
    def test_a_service_refers_only_to_what_the_file_defines(self, service: str) -> None:
        definition = SERVICES[service]

        assert set(definition.get("depends_on", {})) <= set(SERVICES)
        assert set(definition["networks"]) <= set(COMPOSE["networks"])
        assert set(definition["secrets"]) <= set(COMPOSE["secrets"])
        named = {source for source, _ in mounts(definition) if not source.startswith(".")}
        assert named <= set(COMPOSE["volumes"])

    @pytest.mark.parametrize("service", SERVICES)
    def test_waiting_for_health_needs_a_health_check_and_for_completion_an_end(self, service: str) -> None:
        for name, dependency in SERVICES[service].get("depends_on", {}).items():
            if dependency["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[name]
            else:
                assert (dependency["condition"], SERVICES[name]["restart"]) == ("service_completed_successfully", "no")

    @pytest.mark.parametrize("service", sorted(set(SERVICES) - {"init"}))
    def test_every_lasting_service_has_a_health_check(self, service: str) -> None:
        assert SERVICES[service]["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}

    def test_nothing_defined_is_unused(self) -> None:
        used = [(set(s["networks"]), set(s["secrets"]), {source for source, _ in mounts(s)}) for s in SERVICES.values()]

        assert set().union(*(networks for networks, _, _ in used)) == set(COMPOSE["networks"])
        assert set().union(*(secrets for _, secrets, _ in used)) == set(COMPOSE["secrets"])
        assert set().union(*(sources for _, _, sources in used)) >= set(COMPOSE["volumes"])

    def test_files_that_are_mounted_exist(self) -> None:
        mounted = {source for s in SERVICES.values() for source, _ in mounts(s) if source.startswith(".")}

        assert mounted == {"./deploy/postgres/create-databases.sh", "./examples/luma"}
        assert all((ROOT / source).exists() for source in mounted)

    def test_only_the_api_server_is_published_and_only_on_this_machine(self) -> None:
        published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

        assert published == {"api-server": ["127.0.0.1:${PORT:-8080}:8080"]}
        assert COMPOSE["networks"]["inside"] == {"internal": True}
        for name in set(SERVICES) - AIRFLOW_SERVICES:
            assert SERVICES[name]["networks"] == ["inside"], "what holds data has no way out"

    def test_no_password_stands_in_the_file(self, secrets: Path) -> None:
        for name, definition in COMPOSE["secrets"].items():
            assert definition == {"file": f"./deploy/secrets/{name}"}
        for service in SERVICES.values():
            for key, value in service.get("environment", {}).items():
                assert not re.search(r"password|secret|key", key, re.IGNORECASE) or "/" in value, key

    def test_airflow_runs_without_privileges(self) -> None:
        for name in AIRFLOW_SERVICES:
            assert SERVICES[name]["cap_drop"] == ["ALL"]
            assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
        assert re.findall(r"^USER (\w+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE) == ["headwater"]

    def test_images_have_a_version(self) -> None:
        images = [service["image"] for service in SERVICES.values()]

        assert all(":" in image and not image.endswith(":latest") for image in images)


class TestConfiguration:
    def test_every_headwater_variable_is_a_setting(self) -> None:
        used = set(re.findall(r"\bHEADWATER_[A-Z_]+", text_of_everything_deployed()))

        assert used <= {f"HEADWATER_{name.upper()}" for name in Settings.model_fields}
        assert {
            "HEADWATER_CATALOG_URL",
            "HEADWATER_PROFILE_URL",
            "HEADWATER_ICEBERG_URL",
            "HEADWATER_WAREHOUSE",
        } <= used

    def test_every_airflow_variable_is_an_option_of_airflow(self) -> None:
        used = set(re.findall(r"\bAIRFLOW__([A-Z_]+?)__([A-Z_]+)\b", text_of_everything_deployed()))

        assert used - airflow_options() == set()
        assert ("CELERY", "BROKER_URL") in used

    def test_the_addresses_of_the_store_are_understood(self) -> None:
        environment = SERVICES["worker"]["environment"]

        warehouse = parse_location(environment["HEADWATER_WAREHOUSE"])
        diagnostics = parse_location(environment["HEADWATER_DIAGNOSTICS"])
        assert (warehouse.uri, diagnostics.uri) == ("s3://headwater/lake", "s3://headwater/diagnostics")
        assert warehouse.iceberg_properties == {"s3.endpoint": "http://storage:8333", "s3.region": "us-east-1"}
        assert "-bucket=headwater" in SERVICES["storage"]["command"][0]

    def test_hosts_in_addresses_are_services(self) -> None:
        hosts = set(re.findall(r"(?:https?://|@)([a-z-]+):\d+", text_of_everything_deployed()))

        assert hosts - {"localhost"} <= set(SERVICES)


class TestImage:
    def test_what_the_image_copies_exists_and_is_not_ignored(self) -> None:
        copied = [
            source
            for line in re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
            for source in line.split()[:-1]
        ]
        included = [line[1:] for line in (ROOT / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"]

        assert copied
        for source in copied:
            assert (ROOT / source).exists(), source
            assert any(source == path or source.startswith(f"{path}/") for path in included), source

    def test_every_package_is_pinned_by_hash(self) -> None:
        dockerfile = (ROOT / "Dockerfile").read_text()
        for install in re.findall(r"pip install [^&\n]+", dockerfile):
            assert "--require-hashes" in install or "--no-deps /wheels/" in install

    def test_the_image_is_built_with_the_pinned_tool(self) -> None:
        pin = (DEPLOY / "build.txt").read_text().split("\n", maxsplit=1)[1]

        assert pin in (ROOT / "requirements" / "dev.txt").read_text()


class TestScripts:
    def test_secrets_are_made_for_every_name_and_never_made_anew(self, secrets: Path) -> None:
        before = {file.name: file.read_text() for file in secrets.iterdir()}

        assert shell(DEPLOY / "make-secrets.sh", secrets) == ""

        assert {file.name: file.read_text() for file in secrets.iterdir()} == before
        assert set(before) == set(COMPOSE["secrets"])
        assert len(set(before.values())) == len(before)
        assert secrets.stat().st_mode & 0o777 == 0o700
        fernet_key = before.pop("fernet_key")
        assert len(base64.urlsafe_b64decode(fernet_key)) == 32
        assert all(re.fullmatch(r"[0-9a-f]{48}", value) for value in before.values()), "they stand in URLs"

    def test_made_secrets_are_not_committed(self) -> None:
        assert (DEPLOY / "secrets" / ".gitignore").read_text().splitlines()[1:] == ["*", "!.gitignore"]

    def test_the_entry_point_gives_a_command_its_secrets(self, secrets: Path) -> None:
        def secret(name: str) -> str:
            return (secrets / name).read_text()

        printed = shell(DEPLOY / "entrypoint.sh", "env", SECRETS_DIR=secrets)
        environment = dict(line.split("=", maxsplit=1) for line in printed.splitlines())

        password = secret("headwater_database_password")
        assert environment["HEADWATER_CATALOG_URL"] == (
            f"postgresql+psycopg://headwater:{password}@postgres:5432/headwater_catalog"
        )
        assert environment["AIRFLOW__CELERY__BROKER_URL"] == f"redis://:{secret('redis_password')}@redis:6379/0"
        assert environment["AIRFLOW__CORE__FERNET_KEY"] == secret("fernet_key")
        assert environment["AWS_SECRET_ACCESS_KEY"] == secret("storage_secret_key")

    def test_the_entry_point_fails_where_a_secret_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(AssertionError, match="airflow_database_password"):
            shell(DEPLOY / "entrypoint.sh", "env", SECRETS_DIR=tmp_path)

    @pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
    def test_scripts_are_executable(self, script: Path) -> None:
        assert os.access(script, os.X_OK)
        assert script.read_text().startswith("#!/bin/sh\n")


@pytest.mark.postgres
class TestDatabases:
    def test_the_databases_that_the_entry_point_names_are_made_for_their_owners(
        self, cluster: PostgresServer, secrets: Path
    ) -> None:
        printed = shell(DEPLOY / "entrypoint.sh", "env", SECRETS_DIR=secrets)
        named = set(re.findall(r"postgresql\+psycopg://(\w+):\w+@postgres:5432/(\w+)", printed))

        with psycopg.connect(host=str(cluster.socket_folder), user="postgres", dbname="postgres") as connection:
            made = connection.execute(
                "SELECT rolname, datname FROM pg_database JOIN pg_roles ON datdba = pg_roles.oid "
                "WHERE rolname IN ('airflow', 'headwater')"
            ).fetchall()

        assert set(made) == named

    def test_the_programs_cannot_read_each_others_databases(self, cluster: PostgresServer) -> None:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(host=str(cluster.socket_folder), user="airflow", dbname="headwater_catalog")


def mounts(service: dict[str, Any]) -> list[tuple[str, str]]:
    """Source and target of each volume; of a variable with a default, the default."""
    plain = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume) for volume in service.get("volumes", [])]
    return [(volume.split(":")[0], volume.split(":")[1]) for volume in plain]


def airflow_options() -> set[tuple[str, str]]:
    """Every section and option that Airflow describes, its providers' included."""
    found = find_spec("airflow")  # which does not import it: that would make a home for it
    assert found is not None
    assert found.origin is not None
    templates = Path(found.origin).parent / "config_templates"
    described = yaml.safe_load((templates / "config.yml").read_text())
    options = {(section, option) for section, content in described.items() for option in content["options"]}
    providers = configparser.RawConfigParser()
    # The second names what has no default: the Celery executor's result backend.
    providers.read([templates / "provider_config_fallback_defaults.cfg", templates / "unit_tests.cfg"])
    options |= {(section, option) for section in providers.sections() for option in providers.options(section)}
    return {(section.upper(), option.upper()) for section, option in options}
