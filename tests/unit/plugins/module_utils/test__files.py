# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a small file is read. That files outlast a power cut is tested where they are written."""

from __future__ import annotations

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._files import text_of


@pytest.mark.parametrize(("content", "text"), [(b"", ""), ("é\n".encode(), "é\n"), (b"a\xffb", "a\ufffdb")])
def test_the_text_of_a_file(tmp_path, content, text):
    (tmp_path / "file").write_bytes(content)
    assert text_of(str(tmp_path / "file")) == text


@pytest.mark.parametrize("name", ["none", "none/file", ""])
def test_where_there_is_none_that_can_be_read(tmp_path, name):
    assert text_of(str(tmp_path / name)) is None
