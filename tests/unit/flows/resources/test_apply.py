from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from headwater.catalog.catalog import Catalog
from headwater.errors import ConflictError, DocumentError, HeadwaterError
from headwater.flows.resources import ApplyPlan, apply_documents, plan_apply, read_documents
from headwater.model.documents import RESOURCE_TYPES, Dataset, Schema

TENANT = "acme"

DOCUMENTS = {
    "namespace.yaml": """
        kind: identity_namespace
        name: crmId
        type: Cross_device
        """,
    "types/ids.yaml": """
        kind: data_type
        name: ids
        properties:
          crmId: {type: string}
        """,
    "group.yaml": """
        kind: field_group
        name: crm_fields
        properties:
          _acme:
            type: object
            properties:
              ids: {$ref: ids}
              score: {type: integer}
        """,
    "schema.yaml": """
        kind: schema
        name: crm
        class: https://ns.adobe.com/xdm/context/profile
        field_groups: [crm_fields]
        enabled_for_profile: true
        """,
    "descriptor.yaml": """
        kind: descriptor
        name: crm_id
        type: identity
        schema: crm
        property: /_acme/ids/crmId
        namespace: CRMID
        primary: true
        """,
    "dataset.yaml": """
        kind: dataset
        name: crm_people
        schema: crm
        enabled_for_profile: true
        """,
    "policy.yml": """
        kind: merge_policy
        name: crm_only
        attribute_merge: {type: dataSetPrecedence, order: [crm_people]}
        default: true
        """,
    "webhook.yaml": """
        kind: webhook
        name: hook
        url: https://hooks.example.com/
        events: [ing_load_success]
        datasets: [crm_people]
        """,
    "account.yaml": """
        kind: account
        name: drop
        type: local
        params: {root_path: /srv/drop}
        """,
    "flow.yaml": """
        kind: dataflow
        name: crm-nightly
        source: {account: drop, files: "*.json"}
        target: {dataset: crm_people}
        schedule: {frequency: day}
        notify: [hook]
        """,
}


class Folder:
    """A folder of documents, and the catalog that they are applied to."""

    def __init__(self, path: Path, catalog: Catalog) -> None:
        self.path = path
        self.catalog = catalog
        for name, text in DOCUMENTS.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip(), encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        file = self.path / name
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def apply(self) -> ApplyPlan:
        return apply_documents(self.catalog, read_documents([self.path]), tenant=TENANT)

    def refuse(self, error_class: type[HeadwaterError] = DocumentError) -> list[str]:
        """What applying says, one problem a line, without the folder's name."""
        with pytest.raises(error_class) as caught:
            self.apply()
        return str(caught.value).replace(f"{self.path}/", "").splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with Catalog.open(f"sqlite:///{tmp_path}/catalog.db") as catalog:
        yield Folder(tmp_path / "resources", catalog)


def test_applying_creates_everything_in_an_order_that_references_allow(folder: Folder) -> None:
    plan = folder.apply()

    assert [change.kind for change in plan.changes] == [
        "account", "identity_namespace", "data_type", "field_group", "schema", "descriptor", "dataset",
        "merge_policy", "webhook", "dataflow",
    ]  # fmt: skip
    assert plan.count("create") == len(DOCUMENTS)
    assert folder.catalog.resources.typed(Dataset, "crm_people").xdm_schema == "crm"


def test_applying_again_changes_nothing(folder: Folder) -> None:
    folder.apply()
    stored = [
        folder.catalog.resources.stored(kind, r.name)
        for kind in RESOURCE_TYPES
        for r in folder.catalog.resources.list(kind)
    ]

    plan = folder.apply()

    assert not plan.changes_something
    assert plan.count("keep") == len(DOCUMENTS)
    assert [folder.catalog.resources.stored(s.document.model_dump()["kind"], s.document.name) for s in stored] == stored


def test_planning_changes_nothing_and_names_the_fields(folder: Folder) -> None:
    folder.apply()
    folder.replace("flow.yaml", 'files: "*.json"', 'files: "*.json", path: /in, ready: {settle_seconds: 5}')
    folder.replace("flow.yaml", "[hook]", "[hook, hook]")

    plan = plan_apply(folder.catalog, read_documents([folder.path]), tenant=TENANT)

    (change,) = [change for change in plan.changes if change.action != "keep"]
    assert (change.action, change.kind, change.name) == ("change", "dataflow", "crm-nightly")
    assert [(f.path, f.before, f.after) for f in change.fields] == [
        ("source.path", None, "/in"),
        ("source.ready", None, {"settle_seconds": 5}),
        ("notify", ["hook"], ["hook", "hook"]),
    ]
    assert folder.catalog.resources.list("dataflow")[0].to_json()["source"]["path"] == "/"


def test_what_no_document_names_stays(folder: Folder) -> None:
    folder.apply()
    (folder.path / "policy.yml").unlink()

    assert folder.apply().count("keep") == len(DOCUMENTS) - 1
    assert [policy.name for policy in folder.catalog.resources.list("merge_policy")] == ["crm_only"]


def test_one_document_may_refer_to_what_is_stored(folder: Folder) -> None:
    folder.apply()
    folder.write("second.yaml", "kind: dataset\nname: second\nschema: crm\n")

    plan = apply_documents(folder.catalog, read_documents([folder.path / "second.yaml"]), tenant=TENANT)

    assert [(change.action, change.name) for change in plan.changes] == [("create", "second")]


def test_a_dataflow_may_name_a_notifier_which_shares_no_name_with_a_webhook(folder: Folder) -> None:
    notifier = "kind: notifier\nname: ops\ntype: email\nconnection: smtp\nto: [a@b.c]\nevents: [ing_load_failure]\n"
    folder.write("notifier.yaml", notifier)
    folder.replace("flow.yaml", "[hook]", "[hook, ops]")
    folder.apply()
    folder.replace("notifier.yaml", "name: ops", "name: hook")

    assert folder.refuse() == [
        "notifier.yaml:2: name: 'hook' is the name of a webhook; `notify` names both, so that they need different names"
    ]
    folder.replace("notifier.yaml", "name: hook", "name: ops")
    folder.replace("webhook.yaml", "name: hook", "name: ops")
    assert "webhook.yaml:2: name: 'ops' is the name of a notifier" in folder.refuse()[-1]


def test_every_dangling_reference_is_named_with_its_place(folder: Folder) -> None:
    folder.replace("descriptor.yaml", "CRMID", "cmrId")
    folder.replace("dataset.yaml", "schema: crm", "schema: crmm")
    folder.replace("policy.yml", "[crm_people]", "[crm_peple]")
    folder.replace("webhook.yaml", "[crm_people]", "[nothing]")
    folder.replace("flow.yaml", "[hook]", "[hook, hok]")
    folder.replace("flow.yaml", "target:", "mapping_set: none_such\ntarget:")

    assert folder.refuse() == [
        "dataset.yaml:3: schema: no schema 'crmm' in the catalog or among these documents; did you mean `crm`?",
        "descriptor.yaml:6: namespace: no identity_namespace 'cmrId' in the catalog or among these documents; "
        "did you mean `crmId`?",
        "flow.yaml:7: notify[1]: no webhook 'hok' in the catalog or among these documents; did you mean `hook`?",
        "flow.yaml:4: mapping_set: no mapping_set 'none_such' in the catalog or among these documents; "
        "there is none of that kind",
        "policy.yml:3: attribute_merge.order[0]: no dataset 'crm_peple' in the catalog or among these documents; "
        "did you mean `crm_people`?",
        "webhook.yaml:5: datasets[0]: no dataset 'nothing' in the catalog or among these documents; "
        "there are crm_people",
    ]
    assert folder.catalog.resources.list("identity_namespace") == []


def test_a_descriptor_of_an_absent_schema_is_reported_once(folder: Folder) -> None:
    folder.replace("descriptor.yaml", "schema: crm", "schema: nothing")
    folder.replace("schema.yaml", "enabled_for_profile: true", "enabled_for_profile: false")
    folder.replace("dataset.yaml", "enabled_for_profile: true", "enabled_for_profile: false")

    assert folder.refuse() == [
        "descriptor.yaml:4: schema: no schema 'nothing' in the catalog or among these documents; there are crm"
    ]


def test_a_standard_identity_namespace_needs_no_document(folder: Folder) -> None:
    folder.replace("descriptor.yaml", "CRMID", "ECID")

    assert folder.apply().changes_something


def test_a_schema_that_does_not_compose_is_refused(folder: Folder) -> None:
    folder.replace("schema.yaml", "[crm_fields]", "[crm_field]")

    (problem,) = folder.refuse()

    assert problem.startswith(
        "schema.yaml:1: schema 'crm' refers to the field group 'crm_field', which does not exist."
    )


def test_an_own_field_outside_the_tenant_object_is_refused(folder: Folder) -> None:
    folder.replace("group.yaml", "_acme:", "acme:")

    problems = folder.refuse()

    assert problems == [
        "group.yaml:1: field group 'crm_fields' has the root properties 'acme'. What an organisation adds itself "
        "stands below one object named '_' and its tenant id: put all of them into that object."
    ]


def test_a_wrong_field_group_that_no_schema_uses_is_refused_too(folder: Folder) -> None:
    folder.write("lonely.yaml", "kind: field_group\nname: lonely\nproperties: {_acme: {type: objekt}}\n")

    (problem,) = folder.refuse()

    assert problem.startswith("lonely.yaml:1: field group 'lonely'")


def test_fields_may_be_added_to_a_schema_in_use(folder: Folder) -> None:
    folder.apply()
    folder.replace("group.yaml", "score: {type: integer}", "score: {type: integer}\n      rank: {type: string}")

    assert folder.apply().count("change") == 1


def test_a_breaking_change_to_a_schema_in_use_is_refused(folder: Folder) -> None:
    folder.apply()
    folder.replace("group.yaml", "score: {type: integer}", "score: {type: string}")

    (problem,) = folder.refuse(ConflictError)

    assert problem.startswith(
        "group.yaml:1: schema 'crm' is enabled for profile; this change would break what is stored: _acme.score"
    )
    assert folder.catalog.resources.typed(Schema, "crm").enabled_for_profile


def test_a_breaking_change_to_an_unused_schema_is_allowed(folder: Folder) -> None:
    for name in ("dataset.yaml", "policy.yml", "webhook.yaml", "flow.yaml"):
        (folder.path / name).unlink()
    folder.replace("schema.yaml", "enabled_for_profile: true", "enabled_for_profile: false")
    folder.apply()
    folder.replace("group.yaml", "score: {type: integer}", "score: {type: string}")

    assert folder.apply().count("change") == 1


def test_profile_cannot_be_disabled(folder: Folder) -> None:
    folder.apply()
    folder.replace("schema.yaml", "enabled_for_profile: true", "enabled_for_profile: false")
    folder.replace("dataset.yaml", "enabled_for_profile: true", "enabled_for_profile: false")

    (problem,) = folder.refuse(ConflictError)

    assert "no longer enabled for profile" in problem


def test_a_dataset_enabled_for_profile_needs_a_schema_that_is(folder: Folder) -> None:
    folder.replace("schema.yaml", "enabled_for_profile: true", "enabled_for_profile: false")

    assert folder.refuse() == [
        "dataset.yaml:4: enabled_for_profile: schema 'crm' is not enabled for profile; "
        "set its `enabled_for_profile` first"
    ]


def test_a_dataset_keeps_its_schema(folder: Folder) -> None:
    folder.apply()
    folder.write("other.yaml", "kind: schema\nname: other\nclass: https://ns.adobe.com/xdm/context/profile\n")
    folder.write("dataset.yaml", "kind: dataset\nname: crm_people\nschema: other\n")

    assert folder.refuse(ConflictError) == [
        "dataset.yaml:3: schema: a dataset keeps its schema: it is 'crm'; make another dataset for another schema"
    ]


def test_an_identity_namespace_keeps_its_type_and_spelling(folder: Folder) -> None:
    folder.apply()
    folder.write("namespace.yaml", "kind: identity_namespace\nname: CrmID\ntype: Email\n")

    assert folder.refuse(ConflictError) == [
        "namespace.yaml:2: name: the catalog has identity namespace 'crmId'; "
        "codes are compared without case and never change",
        "namespace.yaml:3: type: the type of an identity namespace never changes: it is Cross_device, not Email",
    ]


@pytest.mark.parametrize("code", ["email", "ECID"])
def test_a_standard_namespace_is_not_given_again(folder: Folder, code: str) -> None:
    folder.write("again.yaml", f"kind: identity_namespace\nname: {code}\ntype: Non_people\n")

    [message] = folder.refuse(ConflictError)
    assert message.startswith("again.yaml:2: name: 'E")
    assert "is a standard namespace" in message
    assert message.endswith("Use it as it is, or give yours another code.")


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            "unique_namespaces: [nope]",
            "settings.yaml:1: identity settings 'mine' name namespace 'nope', which does not",
        ),
        (
            "namespace_priority: [ECID, crmId]",
            "settings.yaml:1: identity settings 'mine' put 'ECID', a cookie or device",
        ),
    ],
    ids=["unknown", "order"],
)
def test_identity_settings_fit_the_namespaces(folder: Folder, rule: str, message: str) -> None:
    folder.write("settings.yaml", f"kind: identity_settings\nname: mine\n{rule}\n")

    [problem] = folder.refuse()
    assert problem.startswith(message)


def test_identity_settings_are_given_once(folder: Folder) -> None:
    folder.write("settings.yaml", "kind: identity_settings\nname: mine\nunique_namespaces: [crmId]\n")
    folder.apply()
    folder.write("second.yaml", "kind: identity_settings\nname: second\n")

    assert (
        "second.yaml:2: name: identity settings 'mine' exist already, and there is one at most. "
        "Change those, or delete them with `headwater delete identity_settings mine`."
    ) in folder.refuse()


def test_a_class_has_one_default_merge_policy(folder: Folder) -> None:
    folder.write("second.yaml", "kind: merge_policy\nname: second\ndefault: true\n")

    assert (
        "second.yaml:3: default: merge policy 'crm_only' is the default of _xdm.context.profile already; "
        "a class has one"
    ) in folder.refuse()


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ("{rot_path: /x, root_path: /x}", "params.rot_path: unknown parameter `rot_path` of local; "
         "did you mean `root_path`?"),
        ("{}", "params.root_path: parameter `root_path` of local is missing"),
    ],
)  # fmt: skip
def test_an_account_fits_its_connector(folder: Folder, params: str, problem: str) -> None:
    folder.replace("account.yaml", "{root_path: /srv/drop}", params)

    assert folder.refuse() == [f"account.yaml:4: {problem}"]


def test_an_account_of_an_unknown_kind_names_the_valid_ones(folder: Folder) -> None:
    folder.replace("account.yaml", "local", "lokal")

    (problem,) = folder.refuse()

    assert problem.startswith("account.yaml:3: type: There is no connector kind 'lokal'. Valid kinds: ftp, ftps, ")


def test_a_secret_in_a_document_is_refused_and_not_repeated(folder: Folder) -> None:
    folder.write(
        "account.yaml",
        "kind: account\nname: drop\ntype: sftp\nparams: {host: h, username: u, password: hunter2}\n",
    )

    assert folder.refuse() == [
        "account.yaml:4: params.password: a secret is not written into a document; "
        "give `{env: VARIABLE}` or `{file: PATH}`"
    ]


def test_a_mapping_set_of_another_schema_than_the_dataset_is_refused(folder: Folder) -> None:
    folder.write("other.yaml", "kind: schema\nname: other\nclass: https://ns.adobe.com/xdm/context/profile\n")
    folder.write(
        "mapping.yaml", "kind: mapping_set\nname: m\nschema: other\nmappings: [{source: id, destination: personID}]\n"
    )
    folder.replace("flow.yaml", "target:", "mapping_set: m\ntarget:")

    assert (
        "flow.yaml:4: mapping_set: mapping set 'm' is for schema 'other', but dataset 'crm_people' has schema 'crm'"
    ) in folder.refuse()


def test_a_mapping_set_that_does_not_fit_its_schema_is_refused(folder: Folder) -> None:
    folder.write(
        "mapping.yaml", "kind: mapping_set\nname: m\nschema: crm\nmappings: [{source: id, destination: _acme.scor}]\n"
    )

    (problem,) = folder.refuse()

    assert problem.startswith(
        "mapping.yaml:1: mapping set 'm': destination '_acme.scor' is not in the schema; did you mean '_acme.score'"
    )


def test_format_options_are_checked(folder: Folder) -> None:
    folder.replace(
        "flow.yaml",
        'files: "*.json"}',
        'format_options: {\n    delimter: ";",\n    timestamps: {zone: Europe/Nowhere, unit: days}}}',
    )

    assert folder.refuse() == [
        "flow.yaml:4: source.format_options.delimter: unknown key `delimter`; did you mean `delimiter`?",
        "flow.yaml:5: source.format_options.timestamps.unit: expected 'seconds', 'milliseconds', 'microseconds' or "
        "'nanoseconds', found `days`",
        "flow.yaml:5: source.format_options.timestamps.zone: 'Europe/Nowhere' is no IANA time zone; "
        "write it like 'Europe/Berlin' or 'UTC'",
    ]


def test_problems_of_reading_are_reported_for_all_files(folder: Folder) -> None:
    folder.replace("flow.yaml", "schedule:", "shedule:")
    folder.write("twice.yaml", "kind: dataset\nname: crm_people\nschema: crm\n")
    (folder.path / "latin.yaml").write_bytes(b"kind: dataset\nname: \xe4\n")

    assert folder.refuse() == [
        "flow.yaml:5: shedule: unknown key `shedule`; did you mean `schedule`?",
        "latin.yaml:2: the file is not UTF-8 (byte 20); save it as UTF-8",
        "twice.yaml:2: name: dataset 'crm_people' is also in dataset.yaml; keep one",
    ]


def test_paths_that_hold_nothing_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".hidden.yaml").write_text("kind: nonsense")

    with pytest.raises(DocumentError) as caught:
        read_documents([tmp_path / "empty", tmp_path / "absent"])

    assert str(caught.value).splitlines() == [
        f"{tmp_path}/empty: the folder holds no documents (*.yaml, *.yml)",
        f"{tmp_path}/absent: no such file or folder",
    ]


def test_a_file_given_twice_is_read_once(folder: Folder) -> None:
    assert len(read_documents([folder.path, folder.path / "flow.yaml"])) == len(DOCUMENTS)
