# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of docs/ as antsibull-docs wants them. That a site can be made of them is shown by make lint."""

from __future__ import annotations

import pytest
import yaml
from lab import guides
from lab.console import LabError
from lab.guides import Page, rendered

PAGE = Page("docs/design.md", "design")
LABEL = "ansible_collections.openwebui.postgres.docsite.design"


def body(markdown: str) -> str:
    """What becomes of the Markdown, without the remarks at the top."""
    return rendered(PAGE, markdown).partition("\n\n")[2]


@pytest.mark.parametrize("page", guides.pages(), ids=lambda page: page.name)
def test_the_site_has_each_page_as_it_is_now(page: Page) -> None:
    """If not: make guides."""
    assert (guides.RST / f"{page.name}.rst").read_text(encoding="utf-8") == guides.convert(page)


def test_the_site_lists_each_page_once_and_no_other() -> None:
    sections = yaml.safe_load((guides.RST.parent / "extra-docs.yml").read_text(encoding="utf-8"))["sections"]
    listed = [name for section in sections for name in section["toctree"]]
    assert sorted(listed) == sorted(page.name for page in guides.pages()) == sorted(path.stem for path in guides.RST.glob("*.rst"))


def test_headings_have_labels() -> None:
    assert body("# The `title`\n\n## A part, in short\n") == (
        f".. _{LABEL}:\n\n*************\nThe ``title``\n*************\n\n"
        f".. _{LABEL}.a-part-in-short:\n\nA part, in short\n================\n"
    )


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("plain, in\ntwo lines", "plain, in two lines"),
        ("`code`, *much* and **more**", "``code``, *much* and **more**"),
        ("un**heard**-of and `x`s", "un\\ **heard**-of and ``x``\\ s"),
        ("**Look at `this`.**", "**Look at** ``this``\\ **.**"),
        ("`ends in a space `", "``ends in a space``"),
        ("a_b, webui_ and 2 \\* 3 | 4 \\\\", "a_b, webui\\_ and 2 \\* 3 \\| 4 \\\\"),
        ("\\- no list", "\\- no list"),
        ("[out](https://example.org/a_b)", "`out <https://example.org/a_b>`__"),
        ("[here](#decided-against)", f":ref:`here <{LABEL}.decided-against>`"),
        ("[the `code` of it](hazards.md)", f":ref:`the code of it <{LABEL.replace('design', 'hazards')}>`"),
        ("[words](../CONTRIBUTING.md#glossary)", f":ref:`words <{LABEL.replace('design', 'contributing')}.glossary>`"),
        ("[role](../roles/webui/README.md#variables)", ":ref:`role <ansible_collections.openwebui.postgres.webui_role>`"),
        ("[copy](examples/rds)", f"`copy <{guides.REPOSITORY}/tree/main/docs/examples/rds>`__"),
        ("[licence](../LICENSE)", f"`licence <{guides.REPOSITORY}/blob/main/LICENSE>`__"),
        ("<!-- a remark -->", ""),
        ("- one\n- two\n\n  more\n", "* one\n\n* two\n\n  more"),
        ("1. one\n2. two\n", "#. one\n\n#. two"),
        ("> quoted", "    quoted"),
        ("```sh\nls `pwd`\n```", ".. code-block:: bash\n\n    ls `pwd`"),
    ],
)
def test_text(markdown: str, expected: str) -> None:
    assert body(markdown) == expected + "\n"


def test_tables() -> None:
    assert body("| a | b |\n|---|---|\n| `x` | |\n") == (
        ".. list-table::\n    :header-rows: 1\n\n    * - a\n      - b\n    * - ``x``\n      -\n"
    )


def test_a_table_without_a_head() -> None:
    assert body("| | |\n|---|---|\n| x | y |\n") == ".. list-table::\n    :header-rows: 0\n\n    * - x\n      - y\n"


@pytest.mark.parametrize("markdown", ["<b>bold</b>\n", "text with <br> in it", "![picture](a.png)", "a\n\n---\n\nb"])
def test_what_is_not_known_is_an_error(markdown: str) -> None:
    with pytest.raises(LabError, match=r"docs/design\.md: .* not known"):
        body(markdown)
