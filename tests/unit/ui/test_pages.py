import re

import pytest
from fastapi.routing import APIRoute

from headwater.model.documents import Dataset
from headwater.ui.pages import router
from tests.unit.ui.site import EXAMPLES, LOGIN, Outline, Site

DANIEL = "5625458"
PURCHASES = "luma-offline-purchases"


def paths(site: Site) -> list[str]:
    run = site.runs[PURCHASES]
    return [
        "/",
        "/datasets/luma_loyalty_dataset",
        "/datasets/luma_crm_dataset",
        f"/batches/{run.batch_id}",
        "/flow-runs",
        f"/flow-runs/{run.id}",
        "/profiles",
    ]


def test_every_page_answers_and_is_well_formed(site: Site) -> None:
    for path in paths(site):
        response = site.get(path)
        assert response.status_code == 200, (path, response.text)
        outline = Outline(response.text)
        assert len(outline.attributes("h1")) == 1, path
        assert outline.attributes("html") == [{"lang": "en"}]
        assert len(outline.attributes("caption")) == len(outline.attributes("table")), path
        assert all("scope" in cell for cell in outline.attributes("th")), path
        labels = {label["for"] for label in outline.attributes("label")}
        fields = outline.attributes("input") + outline.attributes("select")
        assert {field["id"] for field in fields} == labels, path


def test_no_page_needs_a_script_or_style_from_inside_or_elsewhere(site: Site) -> None:
    for path in paths(site):
        response = site.get(path)
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self';")
        assert "unsafe-inline" not in policy
        assert response.headers["Cache-Control"] == "no-store"
        outline = Outline(response.text)
        assert outline.attributes("script") == [{"src": "/static/headwater.js"}]
        assert not outline.attributes("style")
        assert not [tag for tag, attributes in outline.tags if "style" in attributes or "onclick" in attributes]


@pytest.mark.parametrize("path", ["/", "/datasets/x", "/batches/x", "/flow-runs", "/profiles", "/static/headwater.css"])
def test_nobody_sees_anything_without_signing_in(site: Site, path: str) -> None:
    person = site.get(path, user=None)
    program = site.get(path, user=None, accept="application/json")

    assert (person.status_code, person.headers["Location"]) == (303, LOGIN)
    assert program.status_code == 401
    assert program.json() == {"title": "Not signed in", "detail": "Sign in first."}


def test_a_form_that_was_sent_after_the_session_ended_is_not_redirected(site: Site) -> None:
    response = site.ask("POST", "/profiles", user=None, form={"namespace": "lumaLoyaltyId", "value": DANIEL})

    assert response.status_code == 401
    assert DANIEL not in response.text


def test_who_may_not_see_the_pages_is_told_so(site: Site) -> None:
    response = site.get("/", user="mallory")

    assert response.status_code == 403
    assert "mallory may not see these pages." in response.text


def test_the_overview_has_datasets_with_counts_and_the_last_batches(site: Site) -> None:
    text = site.get("/").text

    assert "Luma Loyalty Dataset" in text
    assert "1,000" in text
    assert f"/batches/{site.runs[PURCHASES].batch_id}" in text


def test_a_dataset_shows_schema_with_identities_batches_and_flattened_rows(site: Site) -> None:
    text = site.get("/datasets/luma_loyalty_dataset").text

    assert '<span class="badge identity">identity: lumaLoyaltyId, primary</span>' in text
    assert f"/batches/{site.runs['luma-loyalty'].batch_id}" in text
    assert '<th scope="col">person.name.firstName</th>' in text
    assert "_acp_system_metadata" not in text
    assert text.count("<tr>") >= 100


def test_a_batch_shows_counts_files_and_the_rejected_record(site: Site) -> None:
    run = site.runs[PURCHASES]
    text = site.get(f"/batches/{run.batch_id}").text

    assert run.counts.failed == 1
    assert "1 of 1000 records were rejected" in text
    assert "luma-offline-purchases.json" in text
    assert "<pre>" in text
    assert re.search(r"<code>INGEST-\d{4}-400</code>", text)


def test_a_flow_run_shows_what_it_came_to(site: Site) -> None:
    run = site.runs["luma-loyalty"]
    text = site.get(f"/flow-runs/{run.id}").text

    assert f"/batches/{run.batch_id}" in text
    assert "1,000" in text
    assert "luma-loyalty.json" in text


def test_a_profile_shows_where_each_value_came_from(site: Site) -> None:
    response = site.ask(
        "POST", "/profiles", form={"namespace": "lumaLoyaltyId", "value": f" {DANIEL} ", "policy": "default"}
    )

    assert response.status_code == 200
    assert re.search(r"<code>person\.name\.firstName</code></th><td>Daniel</td>", response.text)
    assert "/datasets/luma_loyalty_dataset" in response.text
    assert f"/batches/{site.runs['luma-loyalty'].batch_id}" in response.text
    assert "<td>596518</td>" in response.text


def test_an_identity_stands_in_no_address(site: Site) -> None:
    response = site.ask("POST", "/profiles", form={"namespace": "lumaLoyaltyId", "value": DANIEL})

    outline = Outline(response.text)
    assert outline.attributes("form") == [{"method": "post", "action": "/profiles", "autocomplete": "off"}]
    addresses = [link.get("href") or "" for link in outline.attributes("a")]
    assert addresses
    assert not [address for address in addresses if DANIEL in address]


def test_an_unknown_identity_is_no_error(site: Site) -> None:
    response = site.ask("POST", "/profiles", form={"namespace": "lumaLoyaltyId", "value": "nobody"})

    assert response.status_code == 200
    assert "No profile has this identity under this merge policy." in response.text


def test_an_unknown_merge_policy_is_named(site: Site) -> None:
    response = site.ask("POST", "/profiles", form={"namespace": "Email", "value": "x", "policy": "best"})

    assert response.status_code == 404
    assert "there is no merge policy &#39;best&#39;" in response.text


def test_a_role_without_records_sees_numbers_and_no_people(site: Site) -> None:
    dataset = site.get("/datasets/luma_loyalty_dataset", user="vera").text
    batch = site.get(f"/batches/{site.runs[PURCHASES].batch_id}", user="vera").text

    assert "Records are people's data, which your role does not allow you to see." in dataset
    assert "person.name.firstName</th>" not in dataset
    assert "not shown to your role" in batch
    assert "<pre>" not in batch
    assert site.get("/profiles", user="vera").status_code == 403
    lookup = site.ask("POST", "/profiles", user="vera", form={"namespace": "lumaLoyaltyId", "value": DANIEL})
    assert lookup.status_code == 403


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/datasets/nope", "no dataset &#39;nope&#39; in the catalog"),
        ("/batches/nope", "no batch &#39;nope&#39; in the catalog"),
        ("/flow-runs/nope", "no flow run &#39;nope&#39; in the catalog"),
    ],
)
def test_what_does_not_exist_is_named(site: Site, path: str, message: str) -> None:
    response = site.get(path)

    assert response.status_code == 404
    assert message in response.text


def test_what_people_wrote_is_shown_as_text(site: Site) -> None:
    with site.open() as workspace:
        loyalty = workspace.catalog.resources.typed(Dataset, "luma_loyalty_dataset")
        hostile = loyalty.model_copy(update={"name": "hostile", "title": "<script>alert(1)</script>"})
        workspace.catalog.resources.put(hostile)

    text = site.get("/datasets/hostile").text

    assert "<script>alert(1)</script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_only_the_two_static_files_are_served(site: Site) -> None:
    assert site.get("/static/headwater.css").headers["Content-Type"].startswith("text/css")
    assert site.get("/static/..%2Fapp.py").status_code == 404
    assert site.get("/static/app.py").status_code == 404


def test_the_reference_names_every_page() -> None:
    reference = (EXAMPLES.parents[1] / "docs" / "reference" / "pages.md").read_text()

    for route in router.routes:
        assert isinstance(route, APIRoute)
        address = route.path.replace("{batch_id}", "{id}").replace("{flow_run_id}", "{id}")
        assert f"`/headwater{address}`" in reference, address
