#!/bin/sh
# A virtual environment with exactly the packages of a hashed requirements file.
#   local/install.sh FOLDER REQUIREMENTS
set -eu
folder=$1 requirements=$2

python=""
for candidate in python3 python3.11 python3.12 python3.13; do
  if command -v "$candidate" >/dev/null 2>&1 &&
     "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$candidate; break; fi
done
if [ -z "$python" ]; then
  echo "Python 3.11 or newer is missing.  next: apt-get install python3 python3-venv" >&2
  exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "python3-venv is missing; installing it" >&2
    apt-get install -y -qq python3-venv >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; }
  else
    echo "Python cannot make virtual environments here.  next: apt-get install python3-venv" >&2
    exit 1
  fi
fi

echo "installing Python packages into $folder (about a minute the first time)" >&2
# An environment that a killed run has left half-made has no pip yet.
"$folder/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear "$folder"
if ! "$folder/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$requirements"; then
  echo "The Python packages could not be installed.  next: see pip's message above; then run the same command again" >&2
  exit 1
fi
