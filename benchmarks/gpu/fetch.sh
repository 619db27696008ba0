#!/bin/bash
# Downloads the wheels that the kit carries to a machine without a network: fetch.sh [FOLDER]
#
# FOLDER is build/gpu-wheels unless named. Needs pip and a package index; takes about a minute.
set -euo pipefail
exec "${PYTHON:-python3}" "$(dirname "$0")/fetch_wheels.py" "$@"
