"""Can everybody use the page as it stands: small and large, in light and dark, with axe's rules?"""

from typing import Any, Literal, TypeAlias

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import ViewportSize

from tests.browser.conftest import Tab

PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
Colours: TypeAlias = Literal["light", "dark"]
_LOOKS: tuple[tuple[ViewportSize, Colours], ...] = (
    (PHONE, "light"),
    (PHONE, "dark"),
    (DESKTOP, "dark"),
    (DESKTOP, "light"),
)
_RUN = "axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations)"
# The elements that stand out of the window, where it has to be scrolled sideways.
_WIDER = """(() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  return [...document.querySelectorAll("main *, header *")]
    .filter((each) => each.getBoundingClientRect().right > root.clientWidth + 0.5)
    .map((each) => each.outerHTML.slice(0, 120));
})()"""


async def complaints(tab: Tab) -> list[str]:
    """Return what is wrong in any look; the page goes on as it was, at desktop width in light."""
    page = tab.page
    if await page.evaluate("typeof axe") == "undefined":
        await page.evaluate(Axe().axe_script)
    found = []
    for size, colours in _LOOKS:
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme=colours, reduced_motion="reduce")
        look = f"{size['width']} {colours}"
        found += [f"{look}: {_told(each)}" for each in await page.evaluate(_RUN)]
        found += [f"{look}: wider than the window: {each}" for each in await page.evaluate(_WIDER)]
    return found


def _told(violation: dict[str, Any]) -> str:
    return f"{violation['id']}: {[node['html'] for node in violation['nodes']]}"
