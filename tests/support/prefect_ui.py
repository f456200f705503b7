"""Prefect's own pages in a real Chromium, and the form that starts a run."""

from collections.abc import Generator
from contextlib import contextmanager
from shutil import which
from typing import Any, Self

import pytest
from playwright.sync_api import Locator, Page, sync_playwright

PATIENCE_MS = 300_000
"""A server that shares two cores with a browser answers late."""


@contextmanager
def browser_page() -> Generator[Page]:
    """A page of the browser that the system has; nothing is fetched."""
    chromium = which("chromium")
    if chromium is None:
        pytest.skip("no chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 4000})
            page.set_default_timeout(PATIENCE_MS)
            yield page
        finally:
            browser.close()


class Field:
    """A field of the form, or a group of them."""

    def __init__(self, place: Locator) -> None:
        self.place = place

    def field(self, title: str) -> Self:
        """The field of that title directly or deeper inside."""
        label = f"normalize-space()='{title}' or normalize-space()='{title} (Optional)'"
        return type(self)(
            self.place.locator(
                "xpath=.//div[contains(concat(' ', @class, ' '), ' schema-form-property ')]"
                f"[./div[@class='p-label__header']//span[@class='schema-form-property__label'][{label}]]"
            ).first
        )

    def shows(self) -> bool:
        self.place.wait_for()
        return self.place.is_visible()

    def help(self) -> str:
        return self.place.locator(".schema-form-property__description").first.inner_text()

    def choices(self) -> list[str]:
        """What its select offers."""
        found = [text.strip() for text in self._options().all_inner_texts()]
        self.place.page.keyboard.press("Escape")
        return found

    def choose(self, value: str) -> None:
        self._options().filter(has_text=value).first.click()

    def _options(self) -> Locator:
        # By the keyboard: a click on it opens and closes it.
        self.place.locator("button.p-select-button__control").first.focus()
        self.place.page.keyboard.press("Space")
        options = self.place.page.locator(".p-select-option")
        options.first.wait_for()
        return options

    def fill(self, value: Any) -> None:
        self.place.locator("input, textarea").first.fill(str(value))

    def press(self, name: str) -> None:
        self.place.get_by_role("button", name=name, exact=False).first.click()

    def switch_to(self, kind: str) -> None:
        """Choose one of the types of a field that may be of several."""
        self.place.get_by_text(kind, exact=True).first.click()


class RunForm(Field):
    """The form of a deployment's custom run."""

    def __init__(self, page: Page, ui_url: str, deployment: str) -> None:
        super().__init__(page.locator("body"))
        page.goto(f"{ui_url}/deployments/deployment/{deployment}/run", timeout=PATIENCE_MS)
        self.page = page

    def field(self, title: str) -> Field:
        return Field(self.place).field(title)

    def submit(self) -> str:
        """Submit it and wait for what the page says to it."""
        self.page.get_by_role("button", name="Submit").click()
        notice = self.page.locator(".p-toast-container").first
        notice.get_by_text("Close").first.wait_for()
        return notice.inner_text()
