"""The form of a paused flow run in Prefect's own pages, as a person answers it."""

from pathlib import Path
from typing import Any
from uuid import UUID


class ResumeForm:
    """Behind `Resume` on the page of a flow run.

    Args:
        page: Of a browser.
        api_url: Of the server.
        run: The flow run.
    """

    def __init__(self, page: Any, api_url: str, run: UUID) -> None:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(f"{api_url.removesuffix('/api')}/runs/flow-run/{run}")
        page.get_by_role("button", name="Resume").first.click()
        self._page = page
        self.place = page.get_by_role("dialog")
        self.place.get_by_text("Reason").first.wait_for()

    @property
    def text(self) -> str:
        return self.place.inner_text()

    def choose(self, option: str) -> None:
        """Pick an option of its only selection, by the keyboard: a click opens it and closes it again."""
        self.place.locator("button.p-select-button__control").press("ArrowDown")
        self._page.locator(".p-select-option", has_text=option).click()

    def explain(self, reason: str) -> None:
        self.place.locator("textarea").fill(reason)

    def submit(self) -> None:
        self.place.get_by_role("button", name="Submit").click()

    def await_refusal(self, words: str) -> None:
        self.place.get_by_text(words).wait_for()

    def await_closed(self) -> None:
        self.place.wait_for(state="hidden")

    def picture(self, path: Path) -> None:
        self._page.screenshot(path=path)
