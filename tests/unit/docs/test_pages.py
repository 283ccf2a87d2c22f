# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages for people: every link leads somewhere, and every page can be found from the README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lab.guides import anchors, links

ROOT = Path(__file__).resolve().parents[3]
GUIDES = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *GUIDES, *sorted(ROOT.glob("roles/*/README.md"))]

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def leads_somewhere(page: Path, text: str, link: str) -> bool:
    name, _mark, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    if not target.exists() or not anchor:
        return target.exists()
    return target.suffix == ".md" and anchor in anchors(text if target == page else target.read_text(encoding="utf-8"))


def broken(page: Path, text: str) -> list[str]:
    inside = (link for link in links(text) if not re.match(r"[a-z]+:", link))
    return [link for link in inside if not leads_somewhere(page, text, link)]


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "link",
    ["docs/nowhere.md", "#no-such-heading", "LICENSE#no-page", "CONTRIBUTING.md#no-such-heading", "docs/examples/nothing"],
)
def test_a_broken_link_is_noticed(link: str) -> None:
    text = f"# Title\n\nSee [the `code` of it]({link}) and [this](#title), [that](docs/examples), <https://example.org>.\n"
    assert broken(ROOT / "README.md", text) == [link]


def test_links_in_code_are_none() -> None:
    assert links("`[a](b)`\n\n```md\n# Not a heading\n[c](d)\n```\n\n[e](f)\n") == ["f"]


def test_headings_are_called_as_on_github() -> None:
    text = "# A `webui.db`, older than the image\n## RDS, Cloud SQL: a server\n## Twice\n### Twice\n"
    assert anchors(text) == ["a-webuidb-older-than-the-image", "rds-cloud-sql-a-server", "twice", "twice-1"]


def test_every_guide_is_linked_from_the_readme() -> None:
    listed = {link.partition("#")[0] for link in links((ROOT / "README.md").read_text(encoding="utf-8"))}
    assert [guide.name for guide in GUIDES if f"docs/{guide.name}" not in listed] == []


def test_every_role_is_linked_from_the_readme() -> None:
    listed = set(links((ROOT / "README.md").read_text(encoding="utf-8")))
    assert [path for path in ROOT.glob("roles/*/README.md") if str(path.relative_to(ROOT)) not in listed] == []


def test_the_readme_can_be_read_in_one_go() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 220
