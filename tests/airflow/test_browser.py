from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.airflow.home import PASSWORDS
from tests.airflow.stack import Stack
from tests.servers import require

pytestmark = [pytest.mark.airflow, pytest.mark.browser]

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = require("chromium", "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_QUIET)
        yield browser
        browser.close()


def sign_in(page: Page, stack: Stack, path: str) -> None:
    """Open a page of ours as somebody who is not signed in yet: the login form comes first, then the page."""
    page.set_default_timeout(_PATIENCE_MS)
    page.goto(stack.url + path)
    page.fill("input[name=username]", "ada")
    page.fill("input[name=password]", PASSWORDS["ada"])
    page.click("button[type=submit]")
    page.wait_for_url(stack.url + path)


def test_a_person_finds_everything_in_the_browser(stack: Stack, browser: Browser, tmp_path: Path) -> None:
    expect.set_options(timeout=_PATIENCE_MS)
    run = stack.finished_run("luma-loyalty")
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)

    sign_in(page, stack, "/headwater/")
    page.get_by_role("link", name="Luma Loyalty Dataset").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Luma Loyalty Dataset")
    expect(page.get_by_role("region", name="Preview of records").locator("tbody tr")).to_have_count(100)
    page.screenshot(path=tmp_path / "dataset.png", full_page=True)
    page.locator("tbody th a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Batch 01")
    page.screenshot(path=tmp_path / "batch.png")

    page.get_by_role("link", name="Profiles").click()
    page.get_by_label("Identity namespace").select_option("lumaLoyaltyId")
    page.get_by_label("Identity", exact=True).fill("5625458")
    page.get_by_role("button", name="Look up").click()
    expect(page.get_by_role("row", name="person.name.firstName Daniel")).to_be_visible()
    assert page.url == f"{stack.url}/headwater/profiles"
    page.screenshot(path=tmp_path / "profile.png", full_page=True)
    assert complaints == []

    page.goto(f"{stack.url}/dags")
    expect(page.get_by_text("Luma loyalty members").first).to_be_visible()
    page.screenshot(path=tmp_path / "home.png")
    page.goto(f"{stack.url}/dags/luma-loyalty/runs/{run['dag_run_id']}")
    expect(page.get_by_text("load_identities").first).to_be_visible()
    page.screenshot(path=tmp_path / "run.png")
    page.goto(f"{stack.url}/dags/luma-loyalty")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    for field in ("Account", "Folder", "File names", "Modified after", "Modified until"):
        expect(form.get_by_text(field, exact=True)).to_be_visible()
    for switch in ("Load again what is loaded", "Check only"):
        expect(form.get_by_role("checkbox", name=switch)).to_be_attached()
    expect(form.get_by_role("spinbutton", name="Records per file")).to_be_visible()
    page.screenshot(path=tmp_path / "trigger.png")

    page.goto(f"{stack.url}/connections")
    page.get_by_role("button", name="Add Connection").click()
    page.get_by_role("dialog").get_by_role("combobox").fill("Headwater SFTP")
    page.keyboard.press("Enter")
    expect(page.get_by_label("User name")).to_be_visible()
    page.get_by_role("button", name="Extra Fields", exact=True).click()
    for label in ("Host key", "Private key", "Passphrase"):
        expect(page.get_by_role("dialog").get_by_text(label, exact=True)).to_be_visible()
    page.screenshot(path=tmp_path / "connection.png")

    page.goto(f"{stack.url}/plugin/headwater-datasets")
    inside = page.frame_locator("iframe")
    expect(inside.get_by_role("heading", name="Datasets")).to_be_visible()
    page.screenshot(path=tmp_path / "menu.png")
    context.close()


def test_our_pages_follow_the_theme_and_need_no_script(stack: Stack, browser: Browser) -> None:
    stack.finished_run("luma-loyalty")
    with_script = browser.new_context(color_scheme="light")
    page = with_script.new_page()
    sign_in(page, stack, "/headwater/")
    light = _background(page)
    page.evaluate("localStorage.setItem('theme', 'dark')")
    page.reload()
    dark = _background(page)
    cookies = with_script.cookies()
    with_script.close()

    without = browser.new_context(java_script_enabled=False)
    without.add_cookies([{"name": c["name"], "value": c["value"], "url": stack.url} for c in cookies])
    plain = without.new_page()
    plain.goto(f"{stack.url}/headwater/datasets/luma_loyalty_dataset")
    plain.locator("summary").first.click()
    expect(plain.locator("details[open]")).to_have_count(1)
    without.close()

    assert light == "rgb(255, 255, 255)"
    assert dark == "rgb(18, 21, 28)"


def _background(page: Page) -> str:
    color: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return color
