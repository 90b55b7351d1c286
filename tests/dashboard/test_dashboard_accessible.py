"""Every page for everybody: axe-core objects to nothing, in both themes; the language is right."""

from importlib.resources import files

import pytest
from test_dashboard_browser import CHART, SPARK

PAGES = {
    "": SPARK,
    "board?board=C002": CHART,
    "episodes": "text=going on for",
    "model": "h1",
    "usage": "[role=meter]",
    "system": "[data-testid=stDataFrame] canvas",
    "login": "h1",
}
# Inside a chart stand Vega's own groups of marks, some of them empty, with a role and no name (svg-img-alt),
# which nothing of ours reaches. The chart as a whole has a name: the last test asks for it.
FOUND = """() => axe.run({exclude: ['.stVegaLiteChart svg']}, {resultTypes: ['violations']}).then(found =>
    found.violations.flatMap(one => one.nodes.map(node => one.impact + ' ' + one.id + ': '
        + node.target.join(' ') + ' ' + node.html.slice(0, 160) + ' '
        + (node.any[0] ? node.any[0].message : ''))))"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_objects_to_nothing_on_any_page(web, look, shown, theme):
    pytest.importorskip("axe_playwright_python", reason="needs the package axe-playwright-python")
    script = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    found = {}
    for page, there in PAGES.items():
        looker = look(color_scheme=theme)
        looker.open(web + page)
        looker.page.wait_for_selector(there)
        looker.page.wait_for_timeout(500)
        looker.page.evaluate(script)
        if objections := looker.page.evaluate(FOUND):
            found[page] = objections
        looker.context.close()
    assert not found, "\n".join(f"{page}: {one}" for page, all_of in found.items() for one in all_of)


def test_the_chart_has_a_name_and_the_page_says_its_language(web, look, shown):
    looker = look()
    looker.open(web + "board?board=C002&lang=fr")
    looker.page.wait_for_selector(CHART)
    looker.page.wait_for_function("() => document.documentElement.lang === 'fr'")
    looker.page.wait_for_selector(".stVegaLiteChart[aria-label^='Température, humidité et score de C002']")
