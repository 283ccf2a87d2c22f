# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody who searches the page on troubleshooting for a message finds it: what it quotes is what the code says.

The page puts words in capitals for names, and messages are put together in many ways. So a quoted message counts as one of the code's when
most of its runs of three words are.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "troubleshooting.md"
SOURCES = ("plugins/**/*.py", "roles/**/*.yml", "playbooks/**/*.yml", "playbooks/**/*.j2")
# Said by Ansible itself.
OF_OTHERS = {"Module result deserialization failed"}

PUNCTUATION = re.compile(r"[.,:;]+(?=\s|$)")
NAMES = re.compile(r"…|\b[A-Z_]*[A-Z]+[A-Z_/:]*\b|\b[\d.]*\d\b|\S*/\S*|[\"{}()]")


def code() -> str:
    """All that the code says, in one line, the parts of a message joined."""
    texts = (path.read_text(encoding="utf-8") for pattern in SOURCES for path in sorted(ROOT.glob(pattern)))
    joined = (re.sub(r"[\"']\s*\n\s*[fr]?[\"']", "", text) for text in texts)
    return " ".join(" ".join(PUNCTUATION.sub("", NAMES.sub(" | ", text)).split()) for text in joined)


CODE = code()


def runs(message: str) -> list[str]:
    """Its runs of three words without a name between them; whole pieces where they are shorter."""
    found = []
    for piece in NAMES.split(message):
        words = PUNCTUATION.sub("", piece).split()
        found += [" ".join(words[start : start + 3]) for start in range(max(1, len(words) - 2))] if words else []
    return found


def is_said(message: str) -> bool:
    wanted = runs(message)
    return bool(wanted) and sum(run in CODE for run in wanted) * 3 >= len(wanted) * 2


def quoted() -> list[str]:
    """The messages in the first column of the tables, but for the table that goes by runtime."""
    text = PAGE.read_text(encoding="utf-8")
    cells = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    messages = [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]
    return [message for message in messages if " " in message and message not in OF_OTHERS]


@pytest.mark.parametrize("message", quoted())
def test_a_quoted_message_is_one_of_the_code(message: str) -> None:
    assert is_said(message), [run for run in runs(message) if run not in CODE]


def test_there_are_messages() -> None:
    assert len(quoted()) > 50


@pytest.mark.parametrize("message", ["The container NAME sings in the shower …", "PATH: is a folder, and that is how we like it"])
def test_what_the_code_does_not_say_is_noticed(message: str) -> None:
    assert not is_said(message)
