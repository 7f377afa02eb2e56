"""Make the virtual environment from a lock file, if it is not there in full, and run Python in it.

    bootstrap.py LOCK_FILE PYTHON_ARGUMENT...

Standard library only.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "installed"  # a line "LOCK_FILE CHECKSUM" for each lock file installed in full


def main(lock: str, arguments: list[str]) -> None:
    os.chdir(ROOT)
    # `make run` and `make test` may be started together. While an attempt is under way the file is not empty.
    with (ROOT / ".venv.lock").open("a+") as state:
        fcntl.flock(state, fcntl.LOCK_EX)
        unfinished = state.tell() > 0
        if unfinished or not os.access(PYTHON, os.X_OK) or stamp(lock) not in stamps():
            install(lock, state, afresh=unfinished or not os.access(PYTHON, os.X_OK))
    os.execv(PYTHON, [str(PYTHON), *arguments])


def install(lock: str, state: TextIO, *, afresh: bool) -> None:
    """Install into the environment, which is made anew after an attempt that did not come to its end."""
    print(f"memOS: installing {lock} into .venv, which takes a minute the first time.", flush=True)
    state.write("unfinished")
    state.flush()
    if afresh:
        run(sys.executable, "-m", "venv", "--clear", str(VENV))
    elif not has_pip():
        run(str(PYTHON), "-m", "ensurepip")
    pip = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input"]
    run(*pip, "--require-hashes", "--no-deps", "--requirement", lock)
    STAMPS.write_text("\n".join(sorted(still_true(stamps()) | {stamp(lock)})) + "\n")
    state.truncate(0)


def stamp(lock: str) -> str:
    return f"{lock} {hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()}"


def stamps() -> set[str]:
    return set(STAMPS.read_text().splitlines()) if STAMPS.exists() else set()


def still_true(found: set[str]) -> set[str]:
    """Without those of lock files that have changed since."""
    return found & {stamp(path.name) for path in ROOT.glob("requirements*.txt")}


def has_pip() -> bool:
    check = subprocess.run([PYTHON, "-c", "import pip"], stderr=subprocess.DEVNULL, check=False)
    return check.returncode == 0


def run(*command: str) -> None:
    if subprocess.run(command, check=False).returncode:
        sys.exit(f"memOS: `{' '.join(command[1:4])}` failed, see above; the next attempt starts afresh.")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
