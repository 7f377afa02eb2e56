"""`bin/memos` and `bin/bootstrap.py`, on a copy with an empty lock file, so that nothing is downloaded."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCK = "requirements.txt"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project whose environment is in place."""
    project = tmp_path_factory.mktemp("a project")
    shutil.copytree(ROOT / "bin", project / "bin")
    (project / LOCK).write_text("# nothing\n")
    assert run(project).returncode == 0
    return project


@pytest.fixture
def project(made, tmp_path):
    """A copy that a test may break."""
    shutil.copytree(made, tmp_path / "a copy", symlinks=True)
    return tmp_path / "a copy"


def run(project, *arguments, **environ):
    return subprocess.run(
        ["sh", "bin/memos", LOCK, *(arguments or ("-c", "import sys; print(sys.prefix)"))],
        cwd=project,
        env={**os.environ, "PYTHON": sys.executable, **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_runs_python_in_the_environment(made):
    assert run(made).stdout.strip() == str(made / ".venv")


def test_the_second_time_it_installs_nothing(made):
    assert "installing" not in run(made).stdout


def test_it_works_from_another_folder(made, tmp_path):
    done = subprocess.run(
        ["sh", str(made / "bin" / "memos"), LOCK, "-c", "import os; print(os.getcwd())"],
        cwd=tmp_path,
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == str(made)


def test_a_changed_lock_file_is_installed_again(project):
    (project / LOCK).write_text("# something else\n")
    assert "installing" in run(project).stdout
    assert "installing" not in run(project).stdout


def test_an_interrupted_installation_is_made_anew(project):
    (project / ".venv.lock").write_text("unfinished")
    (project / ".venv" / "half written").touch()
    assert "installing" in run(project).stdout
    assert not (project / ".venv" / "half written").exists()
    assert "installing" not in run(project).stdout


def test_a_killed_installation_is_noticed(project):
    (project / LOCK).write_text("# changed\n")
    process = subprocess.Popen([sys.executable, "bin/bootstrap.py", LOCK, "-c", ""], cwd=project)
    deadline = time.monotonic() + 20
    while not (project / ".venv.lock").read_text() and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert "installing" in run(project).stdout


def test_a_package_that_is_not_in_the_lock_by_hash_is_refused(project):
    (project / LOCK).write_text("django\n")
    done = run(project)
    assert done.returncode != 0
    assert "hash" in done.stderr.lower()
    assert "the next attempt starts afresh" in done.stderr


def test_an_environment_whose_interpreter_is_gone_is_made_anew(project):
    for link in (project / ".venv" / "bin").glob("python*"):
        link.unlink()
        link.symlink_to("/nonexistent/python3")
    assert run(project).stdout.strip().endswith(str(project / ".venv"))


def shell_tools(folder):
    """A PATH with what the script needs and nothing else."""
    folder.mkdir()
    for name in ("sh", "dirname"):
        (folder / name).symlink_to(shutil.which(name))
    return folder


def test_without_python_it_says_what_to_install(made, tmp_path):
    tools = shell_tools(tmp_path / "tools")
    done = run(made, PATH=str(tools), HOME=str(tmp_path), PYTHON="")
    assert done.returncode == 1
    assert "memOS needs Python 3.12 or later" in done.stderr
    assert "apt install python3" in done.stderr


def test_an_old_python_is_passed_over(made, tmp_path):
    tools = shell_tools(tmp_path / "tools")
    (tools / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tools / "python3").chmod(0o755)
    (tools / "python3.13").symlink_to(sys.executable)
    assert run(made, PATH=str(tools), HOME=str(tmp_path), PYTHON="").returncode == 0


def test_a_python_without_venv_is_named(made, tmp_path):
    tools = shell_tools(tmp_path / "tools")
    (tools / "python3").write_text(
        "#!/bin/sh\ncase $2 in *version_info\\ \\<*) exit 0;; *print*) echo 3.12;; *) exit 1;; esac\n"
    )
    (tools / "python3").chmod(0o755)
    done = run(made, PATH=str(tools), HOME=str(tmp_path), PYTHON="")
    assert done.returncode == 1
    assert "apt install python3.12-venv" in done.stderr
