# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Open WebUI builds its own schema, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from . import paths
from .steps import run

SQLITE_TEMPLATE = paths.CACHE / f"webui-{paths.OPEN_WEBUI_VERSION}.db"

# Opening the database the way the server does sets the journal mode that its files have in real life.
OPEN_LIKE_THE_SERVER = "from open_webui.internal.db import engine; engine.connect().close(); engine.dispose()"


def environment(data_dir: Path, database_url: str) -> dict[str, str]:
    """Environment of an Open WebUI that uses this database and never asks the network for anything."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **inherited,
        "DATA_DIR": str(data_dir),
        "DATABASE_URL": database_url,
        "WEBUI_SECRET_KEY": "lab",
        "USE_SLIM_DOCKER": "true",
        "OFFLINE_MODE": "true",
        "HF_HUB_OFFLINE": "1",
        "ENABLE_OLLAMA_API": "false",
        "ENABLE_OPENAI_API": "false",
        "RAG_EMBEDDING_ENGINE": "openai",
        "ANONYMIZED_TELEMETRY": "false",
    }


def package_folder() -> Path:
    (folder,) = paths.OPEN_WEBUI.glob("lib/python3*/site-packages/open_webui")
    return folder


def create_schema(database_url: str) -> None:
    """alembic upgrade head, as Open WebUI's image would do it."""
    migrate(database_url, "head")


def migrate(database_url: str, revision: str) -> None:
    """Open WebUI's own migrations, up to one of them."""
    _in_package("schema", database_url, paths.OPEN_WEBUI / "bin" / "alembic", "upgrade", revision)


def build_sqlite_template() -> None:
    SQLITE_TEMPLATE.parent.mkdir(parents=True, exist_ok=True)
    SQLITE_TEMPLATE.unlink(missing_ok=True)
    url = f"sqlite:///{SQLITE_TEMPLATE}"
    create_schema(url)
    _in_package("schema", url, paths.OPEN_WEBUI_PYTHON, "-c", OPEN_LIKE_THE_SERVER)


def _in_package(log_name: str, database_url: str, *command: str | Path) -> None:
    with tempfile.TemporaryDirectory(prefix="webui-lab-") as data_dir:
        run(log_name, *command, env=environment(Path(data_dir), database_url), cwd=package_folder())
