"""Real processes: every test here starts what a person would start and looks at what they would see."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "SUPPORTAGENT_ENV": "production",
    "SUPPORTAGENT_SECRET_KEY": "a-long-secret-that-nobody-else-has-0123456789",
    "SUPPORTAGENT_ALLOWED_HOSTS": "console.example",
    "SUPPORTAGENT_PUBLIC_URL": "https://console.example",
    "OPENAI_API_KEY": "sk-not-a-real-key",
}

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def clean_environment(folder: Path, **values: str) -> dict[str, str]:
    """The environment of a new user, with the settings of this test run taken out."""
    ours = (
        "SUPPORTAGENT_",
        "DJANGO_",
        "DATABASE_URL",
        "VALKEY_URL",
        "REDIS_URL",
        "OPENAI_",
        "PYTEST_",
        "PORT",
        "HOST",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "SUPPORTAGENT_DATA_DIR": str(folder), **values}


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a short path, since it will hold a socket."""
    return tmp_path_factory.mktemp("d")


@pytest.fixture
def python(folder: Path) -> Run:
    """Run Python with arguments and settings: `python("-c", "...", VALKEY_URL="...")`."""

    def run(*arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=clean_environment(folder, **values),
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture
def started(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python in the background; whatever still runs after the test is killed."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **values: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=clean_environment(folder, **values),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=10)
        if process.stdout:
            process.stdout.close()
