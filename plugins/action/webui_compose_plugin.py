# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the file of webui_compose_plugin to the target, sixty megabytes of it, only where it is not there already."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.hashing import checksum

# Enough to tell for which machine a program is.
HEAD = 64


class ActionModule(ActionBase):
    """Asks the module first, and copies the file if it says that it needs it."""

    TRANSFERS_FILES = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result = super().run(tmp, task_vars)
        try:
            source = self._find_needle("files", str(self._task.args.get("src", "")))
            with open(source, "rb") as file:
                head = file.read(HEAD)
            arguments = {**self._task.args, "checksum": checksum(source), "head": head.hex()}
        except (AnsibleError, OSError):
            result.update(
                failed=True,
                msg=f"{self._task.args.get('src')}: there is no such file on the controller, or it cannot be read; correct "
                "webui_postgres_compose_plugin",
            )
            return result
        try:
            answer = self._execute_module(module_args=arguments, task_vars=task_vars)
            if answer.pop("needs_upload", False) and not self._task.check_mode:
                answer = self._with_upload(source, arguments, task_vars)
            result.update(answer)
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _with_upload(self, source: str, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        uploaded = self._connection._shell.join_path(self._connection._shell.tmpdir, "docker-compose")
        self._transfer_file(source, uploaded)
        self._fixup_perms2((self._connection._shell.tmpdir, uploaded))
        return self._execute_module(module_args={**arguments, "uploaded": uploaded}, task_vars=task_vars)
