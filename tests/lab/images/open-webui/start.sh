#!/usr/bin/env bash
# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Serve Open WebUI. Without a secret key in the environment one is made up, and kept in a file inside the container.
set -euo pipefail
cd "$(dirname -- "${BASH_SOURCE[0]}")"

if [ -z "${WEBUI_SECRET_KEY:-}${WEBUI_JWT_SECRET_KEY:-}" ]; then
    key_file="${WEBUI_SECRET_KEY_FILE:-.webui_secret_key}"
    if [ ! -e "$key_file" ]; then
        echo "Generating WEBUI_SECRET_KEY"
        head -c 12 /dev/random | base64 >"$key_file"
    fi
    echo "Loading WEBUI_SECRET_KEY from $key_file"
    WEBUI_SECRET_KEY="$(<"$key_file")"
fi
export WEBUI_SECRET_KEY="${WEBUI_SECRET_KEY:-}"

exec python -m uvicorn open_webui.main:app \
    --host "${HOST:-0.0.0.0}" --port "${PORT:-8080}" --forwarded-allow-ips '*' --workers "${UVICORN_WORKERS:-1}"
