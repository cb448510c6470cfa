import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.main import get_command

from connectors.errors import ConnectorError
from headwater.cli.app import app
from headwater.errors import HeadwaterError
from headwater.flows.account_types import account_types
from headwater.model.documents import RESOURCE_TYPES
from headwater.model.yaml import parse_document
from headwater.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("headwater_docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text(encoding="utf-8")


def commands(command: Any, name: str) -> Iterator[str]:  # noqa: ANN401 - typer keeps its commands' classes to itself
    for child_name, child in getattr(command, "commands", {}).items():
        yield from commands(child, f"{name} {child_name}")
    if not hasattr(command, "commands"):
        yield name


def descendants(error_class: type[Exception]) -> Iterator[str]:
    yield error_class.__name__
    for child in error_class.__subclasses__():
        if child.__module__ in ("headwater.errors", "connectors.errors"):
            yield from descendants(child)


COMMANDS = list(commands(get_command(app), "headwater"))


@pytest.mark.parametrize("name", sorted(GENERATOR.PARTS))
def test_generated_parts_say_what_the_code_says(name: str) -> None:
    text = page(name)

    assert GENERATOR.with_generated(text, name) == text, "run: .venv/bin/python docs/generate.py"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_reference_with_its_meaning(name: str) -> None:
    assert re.search(rf"^\| `{PREFIX}{name.upper()}` \| .* \| \w.* \|$", page("settings"), flags=re.MULTILINE)


@pytest.mark.parametrize("name", [*descendants(HeadwaterError), *descendants(ConnectorError)])
def test_every_error_is_in_the_reference(name: str) -> None:
    assert f"| `{name}` |" in page("errors")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_reference(name: str) -> None:
    assert f"## {name}\n" in page("cli")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_print_json(name: str) -> None:
    section = page("cli").split(f"## {name}\n")[1].split("\n## ")[0]

    assert "| `--json` |" in section


@pytest.mark.parametrize("kind", account_types())
def test_every_type_of_account_is_in_the_reference(kind: str) -> None:
    assert f"## {kind}\n" in page("connectors")


@pytest.mark.parametrize("kind", RESOURCE_TYPES)
def test_every_kind_of_document_is_in_the_reference_with_an_example(kind: str) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", page("documents"), flags=re.DOTALL)
    parsed = [parse_document(example, file="documents.md") for example in examples]

    assert f"## {kind}\n" in page("documents")
    assert any(document.kind == kind for document in parsed)
