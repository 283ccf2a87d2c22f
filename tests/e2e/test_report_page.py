# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the report of a run and the history of runs show in a real browser, from disk, narrow and wide, light and dark, and on paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet import history, page
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.states import STATES, counts
from lab import report_sample as sample
from playwright.sync_api import Browser, Page, expect, sync_playwright

WIDE, NARROW = 1280, 390
# WCAG 2.2, level AA, for text that is not large.
CONTRAST = 4.5

# Text that is too faint before what is behind it, with its contrast: of the page, or within the bars of its drawings.
FAINT = """([least, inBars]) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const linear = part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const ground = element => {
    const colour = rgba(getComputedStyle(element).backgroundColor);
    return colour[3] === 255 ? colour : ground(element.parentElement);
  };
  const contrast = element => {
    const style = getComputedStyle(element);
    const pair = inBars
      ? [rgba(style.fill), rgba(getComputedStyle(element.previousElementSibling).fill)]
      : [rgba(style.color), ground(element)];
    const [dark, bright] = pair.map(light).sort((one, other) => one - other);
    return (bright + 0.05) / (dark + 0.05);
  };
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (words.nextNode()) {
    const element = words.currentNode.parentElement;
    const looked = inBars ? element.matches(".bars text") : !element.closest("svg, script, .sr");
    if (looked && words.currentNode.data.trim() && element.checkVisibility() && contrast(element) < least) {
      found.push([contrast(element), words.currentNode.data]);
    }
  }
  return found;
}"""

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # No sandbox for root, and no address but this machine's.
        arguments = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
        started = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens a report from disk. Whatever it asks for, and whatever its console says, fails the test."""
    file = tmp_path / "runs" / "a run" / "report.html"
    file.parent.mkdir(parents=True)
    asked: list[str] = []
    said: list[str] = []
    contexts = []

    def open_file(text: str, width: int = WIDE, scheme: str = "light", fragment: str = "", **options: Any) -> Page:
        file.write_text(text, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
        contexts.append(context)
        found = context.new_page()
        found.on("request", lambda request: asked.append(request.url))
        found.on("console", lambda message: said.append(message.text))
        found.on("pageerror", lambda error: said.append(str(error)))
        found.goto(f"{file.as_uri()}{fragment}")
        return found

    yield open_file
    for context in contexts:
        context.close()
    assert {url.partition("#")[0] for url in asked} - {"data:,"} <= {file.as_uri()}
    assert said == []


def runs() -> str:
    """The history of two months, one run of which was killed."""
    found = []
    for day in range(60):
        report = sample.fleet(30)
        part = {
            **report["run"],
            "id": f"run{day}",
            "started_at": sample.STARTED + 86_400 * day,
            "ended_at": sample.STARTED + 86_400 * day + 300,
        }
        found.append({"run": part, "counts": counts(report["hosts"]), "rows": 1_000 * day})
    found[20]["run"]["ended_at"] = None
    return history.render(found)


PAGES: dict[str, Callable[[], str]] = {
    "one host": lambda: page.render(sample.run([sample.migrated("chat1")])),
    "three hosts, one put back": lambda: page.render(sample.three()),
    "a night's wait": lambda: page.render(sample.night()),
    "hostile names": lambda: page.render(sample.run([sample.hostile(), sample.restored("b" * 300), sample.pending("c" * 300)])),
    "a hundred hosts": lambda: page.render(sample.fleet(100)),
    "a run that goes on": lambda: page.render(sample.fleet(40, ended=False)),
    "history": runs,
}


def colour(found: Page, selector: str, what: str) -> str:
    return found.locator(selector).first.evaluate("(element, what) => getComputedStyle(element)[what]", what)


def widths(found: Page, selector: str) -> list[float]:
    return found.locator(selector).evaluate_all("bars => bars.map(bar => bar.getBoundingClientRect().width)")


def focused(found: Page) -> str:
    return found.evaluate("document.activeElement.getAttribute('href') || document.activeElement.id || document.activeElement.tagName")


def open_everything(found: Page) -> None:
    found.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_the_page(opened: Open, name: str, width: int) -> None:
    found = opened(PAGES[name](), width)
    open_everything(found)
    assert found.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_all_text_can_be_read(opened: Open, name: str, scheme: str) -> None:
    found = opened(PAGES[name](), scheme=scheme)
    open_everything(found)
    assert found.evaluate(FAINT, [CONTRAST, False]) == []
    assert found.evaluate(FAINT, [CONTRAST, True]) == []


def test_faint_text_would_be_noticed(opened: Open) -> None:
    found = opened(PAGES["one host"]())
    found.evaluate("document.querySelector('h1').style.setProperty('color', '#aaa')")
    found.evaluate("document.querySelector('.bars text').style.setProperty('fill', '#888')")
    assert [text for _contrast, text in found.evaluate(FAINT, [CONTRAST, False])] == ["chat1: moved and proven"]
    assert [text for _contrast, text in found.evaluate(FAINT, [CONTRAST, True])] == ["load ahead"]


def test_dark_is_another_page(opened: Open) -> None:
    text = PAGES["three hosts, one put back"]()
    light, dark = (opened(text, scheme=scheme) for scheme in ("light", "dark"))
    for selector, what in (
        ("body", "backgroundColor"),
        ("h1", "color"),
        (".card", "backgroundColor"),
        (".chart .load", "fill"),
        (".badge", "color"),
    ):
        assert colour(light, selector, what) != colour(dark, selector, what)


@pytest.mark.parametrize("number", [3, 100])
def test_the_strip_has_a_cell_for_each_host_which_leads_to_its_section(opened: Open, number: int) -> None:
    report = sample.fleet(number)
    found = opened(page.render(report))
    cells = found.locator(".strip a")
    assert cells.count() == number
    assert [text.strip() for text in cells.all_text_contents()] == [
        f"{record['host']}, {STATES[record['state']].label}" for record in report["hosts"]
    ]
    last = report["hosts"][-1]["host"]
    cells.last.click()
    section = found.locator("details.host", has=found.get_by_role("heading", name=last))
    expect(section.get_by_text("What runs here")).to_be_in_viewport()
    expect(section.get_by_role("heading", name=last)).to_be_in_viewport()


def test_cells_are_large_enough_to_be_hit_and_differ_by_more_than_colour(opened: Open) -> None:
    found = opened(PAGES["a hundred hosts"](), NARROW)
    assert min(widths(found, ".strip a")) >= 24
    shapes = {(state, found.locator(f".strip .k-{state} use").first.get_attribute("href")) for state in ("good", "bad", "warn")}
    assert len({shape for _state, shape in shapes}) == 3


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_section_is_opened_by_a_link_also_without_a_script(opened: Open, width: int) -> None:
    report = sample.fleet(40)
    number = next(place for place, record in enumerate(report["hosts"], 1) if record["state"] == "migrated")
    found = opened(page.render(report), width, fragment=f"#host-{number}", java_script_enabled=False)
    expect(found.locator(f"#host-{number} .said")).to_be_in_viewport()


def test_the_keyboard_reaches_everything(opened: Open) -> None:
    found = opened(PAGES["three hosts, one put back"]())
    found.keyboard.press("Tab")
    expect(found.get_by_text("Skip to the result")).to_be_in_viewport()
    found.keyboard.press("Enter")
    assert focused(found) == "main"
    seen = []
    for _press in range(60):
        found.keyboard.press("Tab")
        seen.append(focused(found))
        assert found.evaluate(
            "document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle !== 'none'"
        )
    assert [place for place in ("#host-1", "#host-2", "#host-3", "BUTTON", "SUMMARY", "PRE", "report.json") if place not in seen] == []


def test_a_host_is_opened_with_the_keyboard(opened: Open) -> None:
    found = opened(PAGES["a hundred hosts"]())
    section = found.locator("details.host.k-good").first
    expect(section.get_by_text("What runs here")).to_be_hidden()
    section.locator("summary").first.focus()
    found.keyboard.press("Enter")
    expect(section.get_by_text("What runs here")).to_be_visible()


def test_all_hosts_are_opened_and_closed_at_once(opened: Open) -> None:
    found = opened(PAGES["a hundred hosts"]())
    for button, number in (("Open all", 100), ("Close all", 0)):
        found.get_by_role("button", name=button).click()
        expect(found.locator("details.host[open]")).to_have_count(number)


def test_a_screen_reader_finds_headings_tables_and_drawings(opened: Open) -> None:
    found = opened(PAGES["three hosts, one put back"]())
    expect(found.get_by_role("heading", level=1)).to_have_text(re.compile("2 of 3 hosts on PostgreSQL"))
    for name in ("The fleet", "When", "Table", "Host by host"):
        expect(found.get_by_role("heading", level=2, name=name)).to_be_visible()
    expect(found.get_by_role("img", name="Timeline of the fleet")).to_be_visible()
    expect(found.get_by_role("img", name="Timeline of chat1")).to_be_visible()
    table = found.get_by_role("table", name="3 hosts, the worst first")
    assert table.get_by_role("rowheader").count() == 3
    expect(found.get_by_role("table", name="Phases of chat1")).to_be_visible()
    expect(found.get_by_role("navigation", name="On this page")).to_be_visible()


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_durations_are_drawn_to_scale(opened: Open, width: int) -> None:
    found = opened(PAGES["one host"](), width)
    seconds = {name: length for name, length, _down in sample.PHASES}
    whole = found.locator(".chart .track").first.evaluate("track => track.getBoundingClientRect().width") / sum(seconds.values())
    load = [seconds["load ahead"], seconds["catch up"]]
    look = [seconds["look"], seconds["prepare"], seconds["back up"]]
    down = [seconds["stop"], seconds["load"], seconds["switch"]]
    enlarged = whole * sum(seconds.values()) / sum(down)
    assert widths(found, ".bars.load rect") == pytest.approx([length * whole for length in load], abs=1.5)
    assert widths(found, ".bars.look rect") == pytest.approx([length * whole for length in look], abs=1.5)
    expected = [length * whole for length in down] + [length * enlarged for length in down]
    assert widths(found, ".bars.down rect") == pytest.approx(expected, abs=1.5)


def test_users_who_wait_are_told_apart_by_place_and_not_by_colour_alone(opened: Open) -> None:
    found = opened(PAGES["one host"]())
    tops = {
        look: {box["y"] for box in (one.bounding_box() for one in found.locator(f".bars.{look} rect").all()) if box}
        for look in ("load", "look", "down")
    }
    assert tops["load"] == tops["look"]
    assert not tops["load"] & tops["down"]
    for words in ("Users work", "Users wait"):
        expect(found.locator(".chart text", has_text=words)).to_be_visible()


def test_waves_follow_one_another_in_the_timeline_of_the_fleet(opened: Open) -> None:
    found = opened(PAGES["a hundred hosts"]())
    assert [text[:6] for text in found.locator(".fleet .head").all_text_contents()] == ["Wave 1", "Wave 2", "Wave 3"]
    assert found.locator(".fleet .track").count() == 100
    assert len({round(width) for width in widths(found, ".fleet .track")}) == 1


def test_names_that_are_markup_do_nothing(opened: Open) -> None:
    found = opened(PAGES["hostile names"]())
    found.on("dialog", lambda dialog: pytest.fail(dialog.message))
    open_everything(found)
    assert found.locator("img:not([role])").count() == 0
    expect(found.get_by_role("heading", level=3, name=sample.HOSTILE)).to_be_visible()


def test_the_page_lets_nothing_run_that_is_not_its_own(browser: Browser, tmp_path: Path) -> None:
    """Were anything not escaped, it would still be refused: by the policy that the page brings with it."""
    smuggled = "<script>window.ran = true</script><style>h1 { color: rgb(1, 2, 3) }</style>"
    file = tmp_path / "report.html"
    file.write_text(PAGES["one host"]().replace("</main>", f"{smuggled}</main>"), encoding="utf-8")
    found = browser.new_page()
    found.goto(file.as_uri())
    assert found.evaluate("window.ran") is None
    assert colour(found, "h1", "color") != "rgb(1, 2, 3)"
    found.close()


def test_paper_shows_what_is_open_and_no_navigation(opened: Open, tmp_path: Path) -> None:
    found = opened(PAGES["three hosts, one put back"](), scheme="dark")
    found.emulate_media(media="print", color_scheme="dark")
    assert colour(found, "body", "backgroundColor") == "rgb(255, 255, 255)"
    expect(found.get_by_role("navigation")).to_be_hidden()
    expect(found.get_by_role("button", name="Open all")).to_be_hidden()
    expect(found.get_by_text("How to go back").first).to_be_visible()
    assert found.pdf(path=tmp_path / "report.pdf", format="A4").startswith(b"%PDF")


def test_a_run_that_has_not_ended_says_so_first(opened: Open) -> None:
    found = opened(PAGES["a run that goes on"]())
    expect(found.get_by_role("status")).to_contain_text("This run has not ended.")
    expect(found.get_by_role("status")).to_be_in_viewport()


def test_the_history_leads_to_each_run(opened: Open) -> None:
    found = opened(PAGES["history"]())
    assert found.locator(".runs tbody a").count() == 60
    assert found.locator(".runs tbody a").first.get_attribute("href") == "runs/run59/report.html"
    expect(found.locator(".runs tbody tr").nth(39)).to_contain_text("killed: did not end")
    expect(found.get_by_role("img", name="What became of the hosts in each run")).to_be_visible()
    assert found.locator(".past g").count() == 40
