"""Jobs that leave a trace in a file, for workers in another process."""

import os
import threading
import time
from pathlib import Path

from django.db import connection


def stamp(path: str) -> None:
    now = time.time()
    unfinished = Path(f"{path}.part")
    unfinished.write_text(repr(now))
    unfinished.rename(path)


def nothing() -> None:
    pass


def nap(path: str, seconds: float) -> None:
    with Path(path).open("a") as file:
        file.write("began\n")
    time.sleep(seconds)
    with Path(path).open("a") as file:
        file.write("ended\n")


def fail() -> None:
    raise ValueError("this job fails")


def tell_connection(path: str) -> None:
    """One line per job: process, thread, and which database connection this thread uses."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    with Path(path).open("a") as file:
        file.write(f"{os.getpid()} {threading.get_ident()} {id(connection.connection)}\n")
