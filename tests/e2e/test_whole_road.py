# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole road: Open WebUI works on SQLite, is audited, rehearsed, moved, and works on PostgreSQL.

The tests of this file are steps of one road and build on each other, in the order in which they stand.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import pytest
from lab import webui_play
from lab.webui_fill import BROWSER_TEXT, BROWSER_TITLE
from lab.webui_play import Run
from lab.webui_snapshot import Snapshot, differences, repaired, sign_in_everybody, snapshot
from playwright.sync_api import expect, sync_playwright

from .conftest import HOSTILE_PASSWORD, Site, SiteMaker

BROWSER_MILLISECONDS = 180_000


@pytest.fixture(scope="module")
def road(site: SiteMaker) -> Site:
    found = site("road")
    found.start()
    return found


@pytest.fixture(scope="module")
def before(road: Site) -> Snapshot:
    return snapshot(road.service.client(), road.world)


@pytest.fixture(scope="module")
def migrated(road: Site, before: Snapshot) -> Run:
    """The run that moves it, with all that Ansible can say."""
    return road.play(webui_play.MIGRATE, "-vvv", "--diff").succeeded()


def test_an_audit_changes_nothing_and_says_what_is_there(road: Site) -> None:
    pid, content = road.service.pid, road.fingerprint()
    run = road.play(webui_play.AUDIT).succeeded()
    assert run.changed == 0
    assert "READY to be moved." in run.said
    assert [line for line in run.said if line.startswith("Orphaned: ") and " rows of chat_file " in line], run.end
    assert (road.service.pid, road.fingerprint()) == (pid, content)


def test_check_mode_works_on_a_first_run_and_changes_nothing(road: Site, before: Snapshot) -> None:
    pid, content = road.service.pid, road.fingerprint()
    road.play(webui_play.MIGRATE, "--check", "--diff").succeeded()
    assert (road.service.pid, road.fingerprint()) == (pid, content)
    assert not road.database_url()
    assert not (road.service.folder / "state").exists()
    with road.server.admin() as connection:
        (there,) = connection.execute(
            "SELECT count(*) FROM pg_database WHERE datname = %s", [road.variables["webui_database_name"]]
        ).fetchone()
    assert there == 0


def test_open_webui_says_the_same_on_postgresql_as_it_did_on_sqlite(road: Site, before: Snapshot, migrated: Run) -> None:
    assert road.database_url().startswith("postgresql://")
    after = snapshot(road.service.client(), road.world)
    assert differences(repaired(before), after) == []


def test_it_is_postgresql_that_answers(road: Site, migrated: Run) -> None:
    """SQLite is not even open any more: an answer that is the same could otherwise come from the old database."""
    open_files = set()
    for entry in Path(f"/proc/{road.service.pid}/fd").iterdir():
        # It opens and closes some at any time.
        with contextlib.suppress(FileNotFoundError):
            open_files.add(os.readlink(entry))
    assert open_files
    assert not [name for name in open_files if "webui.db" in name]
    database = road.variables["webui_database_name"]
    with road.server.admin(database) as connection:
        (users,) = connection.execute('SELECT count(*) FROM "user"').fetchone()
        (sessions,) = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename = %s",
            [database, road.variables["webui_database_user"]],
        ).fetchone()
    assert users == len(road.world.accounts)
    assert sessions > 0


def test_everybody_can_sign_in_again(road: Site, migrated: Run) -> None:
    names = sign_in_everybody(road.service.client(), road.world)
    assert names == {account.email: account.name for account in road.world.accounts}


def test_work_goes_on(road: Site, migrated: Run) -> None:
    """Writing works too, with the sequences, constraints and rights that it needs."""
    me = road.service.client(road.world.admin.token)
    note = me.post("/api/v1/notes/create", {"title": "after the move", "data": {"content": {"md": "🪿"}}})
    assert me.get(f"/api/v1/notes/{note['id']}")["data"]["content"]["md"] == "🪿"
    assert me.delete(f"/api/v1/notes/{note['id']}/delete") is True


def test_no_secret_is_in_the_output(road: Site, migrated: Run) -> None:
    assert [secret for secret in road.secrets if secret in migrated.output] == []
    assert "%40ss%2Fw%3Ard" not in migrated.output


def test_no_content_is_in_the_output(road: Site, migrated: Run) -> None:
    assert BROWSER_TEXT not in migrated.output
    assert "[/INST]" not in migrated.output


def test_what_is_kept_is_private(road: Site, migrated: Run) -> None:
    kept = [path for path in (road.service.folder / "state").rglob("*") if path.is_file()]
    assert kept, "neither a backup nor a quarantine file"
    assert [path for path in [*kept, road.service.env_file] if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_the_password_went_into_the_env_file_in_a_form_that_a_shell_reads(road: Site, migrated: Run) -> None:
    assert HOSTILE_PASSWORD not in road.service.env_file.read_text()
    assert road.service.command("probe").stderr == ""


def test_a_second_run_changes_nothing_and_does_not_stop_it(road: Site, migrated: Run) -> None:
    pid = road.service.pid
    run = road.play().succeeded()
    assert run.changed == 0
    assert road.service.pid == pid


def test_a_setting_that_has_changed_takes_effect(road: Site, migrated: Run) -> None:
    """Given as text, as with -e. A service that was started before goes on with the settings of that time."""
    pid = road.service.pid
    road.play(webui_play.MIGRATE, "-e", "webui_database_pool_size=7").succeeded()
    assert road.service.pid != pid
    environment = Path(f"/proc/{road.service.pid}/environ").read_bytes().split(b"\0")
    assert b"DATABASE_POOL_SIZE=7" in environment


def test_an_audit_afterwards_works(road: Site, migrated: Run) -> None:
    run = road.play(webui_play.AUDIT).succeeded()
    assert run.changed == 0
    assert "ON POSTGRESQL already. There is nothing to move." in run.said


def test_a_browser_shows_the_old_chat(road: Site, migrated: Run, chromium: str, tmp_path: Path) -> None:
    """Sign in with the old password, open a chat by its address, see its text."""
    admin, url = road.world.admin, road.service.url
    # No sandbox for root, and nothing but this machine by any name or address.
    arguments = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-gpu"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(BROWSER_MILLISECONDS)
        page.goto(f"{url}/auth")
        page.locator("input[type=email]").fill(admin.email)
        page.locator("input[type=password]").fill(admin.password)
        page.locator("button[type=submit]").click()
        page.wait_for_url(f"{url}/")
        page.goto(f"{url}/c/{road.world.chat_id}")
        expect(page.get_by_text(BROWSER_TEXT).first).to_be_visible(timeout=BROWSER_MILLISECONDS)
        page.screenshot(path=tmp_path / "chat.png")
        # In the list of chats, which may come after the chat.
        page.wait_for_function("title => document.documentElement.outerHTML.includes(title)", arg=BROWSER_TITLE)
        browser.close()


def test_the_way_back_ends_where_it_began(road: Site, before: Snapshot, migrated: Run) -> None:
    """What was written since stays behind, so what users see is what they saw before the move."""
    run = road.play(webui_play.ROLLBACK).succeeded()
    assert f"Open WebUI runs on SQLite again: {road.service.database}." in run.said
    assert not road.database_url()
    assert road.orphans()
    assert differences(before, snapshot(road.service.client(), road.world)) == []
