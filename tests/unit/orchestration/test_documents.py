from pathlib import Path

import pytest

from headwater.errors import DocumentError
from headwater.orchestration.documents import check_documents, read_documents

GOOD = """\
kind: dataflow
name: {name}
source: {{account: partner, path: /out}}
target: {{dataset: purchases}}
schedule: {schedule}
"""


def write(folder: Path, file: str, *, name: str = "purchases", schedule: str = "{frequency: once}") -> Path:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(GOOD.format(name=name, schedule=schedule))
    return path


def test_every_dataflow_below_the_folders_is_read(tmp_path: Path) -> None:
    write(tmp_path / "a", "one.yaml", name="one")
    write(tmp_path / "a", "deeper/two.yml", name="two")
    write(tmp_path / "b", "three.yaml", name="three")

    documents = read_documents([tmp_path / "a", tmp_path / "b"])

    assert [found.flow.name for found in documents.flows] == ["two", "one", "three"]
    assert documents.problems == ()


def test_other_kinds_hidden_files_and_other_suffixes_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text("kind: dataset\nname: nonsense NAME\n")
    write(tmp_path, ".hidden.yaml", name="hidden")
    write(tmp_path, ".git/two.yaml", name="in-git")
    write(tmp_path, "flow.yaml.bak", name="backup")

    documents = read_documents([tmp_path])

    assert documents.flows == ()
    assert documents.problems == ()


def test_a_broken_document_hides_no_other(tmp_path: Path) -> None:
    write(tmp_path, "good.yaml", name="good")
    broken = write(tmp_path, "broken.yaml", name="broken")
    broken.write_text(broken.read_text().replace("schedule:", "shedule:"))

    documents = read_documents([tmp_path])

    assert [found.flow.name for found in documents.flows] == ["good"]
    assert [(problem.file, problem.line) for problem in documents.problems] == [(str(broken), 5)]


def test_the_error_names_file_line_key_and_what_to_do(tmp_path: Path) -> None:
    broken = write(tmp_path, "broken.yaml")
    broken.write_text(broken.read_text().replace("schedule:", "shedule:"))

    with pytest.raises(DocumentError) as caught:
        check_documents([tmp_path])

    assert str(caught.value).splitlines() == [
        "1 dataflow document is wrong and has no Dag; the other Dags are not affected.",
        f"{broken}:5: shedule: unknown key `shedule`; did you mean `schedule`?",
        "Mend the file and save it; its Dag appears when the folder is next read.",
    ]
    assert (caught.value.file, caught.value.line, caught.value.key) == (str(broken), 5, "shedule")


def test_all_broken_documents_are_named_together(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: dataflow\nname: [\n")
    (tmp_path / "b.yaml").write_bytes(b"kind: dataflow\nname: \xff\n")

    with pytest.raises(DocumentError, match="2 dataflow documents are wrong and have no Dags") as caught:
        check_documents([tmp_path])

    assert f"{tmp_path / 'a.yaml'}:" in str(caught.value)
    assert f"{tmp_path / 'b.yaml'}: cannot be read: 'utf-8' codec can't decode" in str(caught.value)


def test_good_documents_raise_nothing(tmp_path: Path) -> None:
    write(tmp_path, "good.yaml")

    check_documents([tmp_path])


def test_of_two_dataflows_with_one_name_the_first_by_path_counts(tmp_path: Path) -> None:
    first = write(tmp_path, "a.yaml", name="same")
    second = write(tmp_path, "b.yaml", name="same")

    documents = read_documents([tmp_path])

    assert [found.file for found in documents.flows] == [first]
    assert [str(problem) for problem in documents.problems] == [
        f"{second}: name: dataflow 'same' is already defined in {first}, which counts. Give this one another name."
    ]


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ('{cron: "0 2 * *"}', "schedule.cron: '0 2 * *' is no cron expression; expected five fields such as"),
        ('{cron: "61 * * * *"}', "schedule.cron: '61 * * * *' is no cron expression"),
        ("{frequency: week, interval: 99999999999}", "schedule.interval: 99999999999 weeks are more than ten years"),
    ],
)
def test_a_schedule_that_airflow_would_choke_on_is_the_documents_problem(
    tmp_path: Path, schedule: str, message: str
) -> None:
    file = write(tmp_path, "flow.yaml", schedule=schedule)

    documents = read_documents([tmp_path])

    assert documents.flows == ()
    assert str(documents.problems[0]).startswith(f"{file}:5: {message}")


def test_only_the_wanted_dataflow_is_parsed(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", name="wanted")
    (tmp_path / "b.yaml").write_text("kind: dataflow\nname: [\n")

    documents = read_documents([tmp_path], only="wanted")

    assert [found.flow.name for found in documents.flows] == ["wanted"]
    assert documents.problems == ()


def test_a_flows_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"

    with pytest.raises(DocumentError, match=r"the flows folder does not exist\. Create it, or correct HEADWATER_FLOWS"):
        check_documents([missing])
