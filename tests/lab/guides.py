# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of docs/, which people read on GitHub as Markdown, as the reStructuredText that antsibull-docs makes a site of.

Only what our pages use is known: headings, paragraphs, lists, tables, quotes, examples, links. All else is an error.
"""

from __future__ import annotations

import collections
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from . import paths
from .console import LabError

REPOSITORY = "https://github.com/openwebui/openwebui.postgres"
PREFIX = "ansible_collections.openwebui.postgres."
RST = paths.ROOT / "docs" / "docsite" / "rst"
HEAD = """\
.. Copyright: (c) 2026, openwebui.postgres contributors
.. GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
.. SPDX-License-Identifier: GPL-3.0-or-later
.. Written by "make guides" from {source}: change that instead.
"""
UNDERLINES = ("*", "=", "-", "~")
LANGUAGES = {"": "text", "sh": "bash"}


class Page(NamedTuple):
    """A page. ``source`` is its path in the checkout, ``name`` what it is called in the site."""

    source: str
    name: str

    @property
    def label(self) -> str:
        return f"{PREFIX}docsite.{self.name}"


class Piece(NamedTuple):
    """A stretch of text that is marked up in one way. In reStructuredText one cannot be inside another."""

    kind: str
    text: str
    target: str = ""


def pages() -> list[Page]:
    """README and CONTRIBUTING, and whatever is in docs/."""
    guides = sorted((paths.ROOT / "docs").glob("*.md"))
    return [
        Page("README.md", "readme"),
        Page("CONTRIBUTING.md", "contributing"),
        *(Page(f"docs/{path.name}", path.stem) for path in guides),
    ]


def write() -> int:
    """Write all of them, and remove those whose page is gone."""
    RST.mkdir(parents=True, exist_ok=True)
    wanted = {f"{page.name}.rst": convert(page) for page in pages()}
    for path in RST.glob("*.rst"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (RST / name).write_text(text, encoding="utf-8")
    return 0


def convert(page: Page) -> str:
    return rendered(page, (paths.ROOT / page.source).read_text(encoding="utf-8"))


def rendered(page: Page, markdown: str) -> str:
    lines = _Converter(page, {other.source: other for other in pages()}).blocks(_parsed(markdown).children)
    return HEAD.format(source=page.source) + "\n" + "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n"


def anchors(markdown: str) -> list[str]:
    """What GitHub calls the headings of a page, in their order."""
    seen: collections.Counter[str] = collections.Counter()
    return [_anchor(node, seen) for node in _parsed(markdown).walk() if node.type == "heading"]


def links(markdown: str) -> list[str]:
    """Where the links of a page lead."""
    return [str(node.attrs["href"]) for node in _parsed(markdown).walk() if node.type == "link"]


def _parsed(markdown: str) -> SyntaxTreeNode:
    return SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(markdown))


def _anchor(heading: SyntaxTreeNode, seen: collections.Counter[str]) -> str:
    name = re.sub(r"[^\w\- ]", "", _plain(heading.children[0]).lower()).replace(" ", "-")
    seen[name] += 1
    return f"{name}-{seen[name] - 1}" if seen[name] > 1 else name


def _plain(node: SyntaxTreeNode) -> str:
    if node.children:
        return "".join(_plain(child) for child in node.children)
    return " " if node.type in ("softbreak", "hardbreak") else node.content


class _Converter:
    def __init__(self, page: Page, known: dict[str, Page]) -> None:
        self.page = page
        self.known = known
        self.seen: collections.Counter[str] = collections.Counter()

    def blocks(self, nodes: list[SyntaxTreeNode]) -> list[str]:
        lines: list[str] = []
        for node in nodes:
            block = self.block(node)
            lines += [*block, ""] if block else []
        return lines

    def block(self, node: SyntaxTreeNode) -> list[str]:
        writers = {
            "heading": self.heading,
            "paragraph": lambda node: [self.inline(node)],
            "bullet_list": lambda node: self.list(node, "* "),
            "ordered_list": lambda node: self.list(node, "#. "),
            "blockquote": lambda node: _indented(self.blocks(node.children), "    "),
            "fence": self.example,
            "table": self.table,
            "html_block": self.comment,
        }
        if node.type not in writers:
            raise LabError(f"{self.page.source}: {node.type} is not known to {Path(__file__).name}")
        return writers[node.type](node)

    def heading(self, node: SyntaxTreeNode) -> list[str]:
        level = int(node.tag[1]) - 1
        title = self.inline(node)
        anchor = _anchor(node, self.seen)
        label = f"{self.page.label}.{anchor}" if level else self.page.label
        line = UNDERLINES[level] * len(title)
        return [f".. _{label}:", "", *([] if level else [line]), title, line]

    def comment(self, node: SyntaxTreeNode) -> list[str]:
        if not node.content.startswith("<!--"):
            raise LabError(f"{self.page.source}: HTML is not known to {Path(__file__).name}")
        return []

    def example(self, node: SyntaxTreeNode) -> list[str]:
        language = node.info.split(" ")[0]
        body = _indented(node.content.splitlines(), "    ")
        return [f".. code-block:: {LANGUAGES.get(language, language)}", "", *body]

    def list(self, node: SyntaxTreeNode, bullet: str) -> list[str]:
        lines: list[str] = []
        for item in node.children:
            lines += [*_hung(self.blocks(item.children), bullet)]
        return lines

    def table(self, node: SyntaxTreeNode) -> list[str]:
        rows = [row for part in node.children for row in part.children]
        # A head without words is no head.
        head = 1 if any(_plain(cell) for cell in rows[0].children) else 0
        lines = [".. list-table::", f"    :header-rows: {head}", ""]
        for row in rows if head else rows[1:]:
            for number, cell in enumerate(row.children):
                lines.append(f"    {'  ' if number else '* '}- {self.inline(cell)}".rstrip())
        return lines

    def inline(self, node: SyntaxTreeNode) -> str:
        """The text of a paragraph, a heading or a cell, in one line."""
        found = list(self.pieces(node.children[0].children if node.children else [], "text"))
        text = _joined([piece for piece in found if piece.text])
        return re.sub(r"^([-*+#]|\d+\.)(?= |$)", r"\\\1", text)

    def pieces(self, nodes: list[SyntaxTreeNode], kind: str) -> Iterator[Piece]:
        for node in nodes:
            if node.type == "text":
                yield Piece(kind, node.content)
            elif node.type == "code_inline":
                yield Piece("code", node.content.strip())
            elif node.type in ("softbreak", "hardbreak"):
                yield Piece(kind, " ")
            elif node.type in ("em", "strong"):
                yield from self.pieces(node.children, node.type)
            elif node.type == "link":
                yield self.link(_plain(node), str(node.attrs["href"]))
            else:
                raise LabError(f"{self.page.source}: {node.type} is not known to {Path(__file__).name}")

    def link(self, text: str, target: str) -> Piece:
        name, _mark, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            return Piece("url", text, target)
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.page.source), name)) if name else self.page.source
        role = re.fullmatch(r"roles/(\w+)/README\.md", path)
        if role:
            return Piece("ref", text, f"{PREFIX}{role.group(1)}_role")
        if path in self.known:
            return Piece("ref", text, f"{self.known[path].label}.{anchor}" if anchor else self.known[path].label)
        kind = "tree" if (paths.ROOT / path).is_dir() else "blob"
        return Piece("url", text, f"{REPOSITORY}/{kind}/main/{path}{'#' + anchor if anchor else ''}")


def _marked_up(piece: Piece) -> str:
    escaped = re.sub(r"([\\*`|]|_(?!\w))", r"\\\1", piece.text)
    return {
        "text": escaped,
        "code": f"``{piece.text}``",
        "em": f"*{escaped}*",
        "strong": f"**{escaped}**",
        "url": f"`{escaped} <{piece.target}>`__",
        "ref": f":ref:`{escaped} <{piece.target}>`",
    }[piece.kind]


def _joined(pieces: list[Piece]) -> str:
    """Pieces with markup have to be set off from what is before and behind them, if only by nothing."""
    text = ""
    marked = False
    for piece in _merged(pieces):
        # Space belongs outside of the markup.
        before = " " if piece.kind != "text" and piece.text != piece.text.lstrip() else ""
        behind = " " if piece.kind != "text" and piece.text != piece.text.rstrip() else ""
        if piece.kind != "text":
            piece = piece._replace(text=piece.text.strip())
        new = _marked_up(piece)
        if not before and text and not text.endswith(" "):
            opened = piece.kind != "text" and text[-1] not in "'\"([{<-/:"
            closed = marked and new[0] not in " '\")]}>-/\\:.,;!?"
            text += "\\ " if opened or closed else ""
        text += before + new + behind
        marked = piece.kind != "text"
    return text.strip()


def _merged(pieces: list[Piece]) -> list[Piece]:
    merged: list[Piece] = []
    for piece in pieces:
        if merged and merged[-1].kind == piece.kind and piece.kind in ("text", "em", "strong"):
            merged[-1] = merged[-1]._replace(text=merged[-1].text + piece.text)
        elif piece.text.strip() or piece.kind == "text":
            merged.append(piece)
        elif merged:
            merged.append(Piece("text", piece.text))
    return merged


def _indented(lines: list[str], by: str) -> list[str]:
    return [by + line if line else "" for line in lines]


def _hung(lines: list[str], bullet: str) -> list[str]:
    """Lines behind a bullet."""
    first, *rest = lines
    return [bullet + first, *_indented(rest, " " * len(bullet))]
