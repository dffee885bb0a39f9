"""Worker processes for tests: `python -m tests.faults.worker` starts one per job that stdin names.

A line of stdin is a JSON list of jobs {"run", "script", "failpoint"} that begin together, the answer on stdout the
list of their exit codes; what the jobs log goes to stderr. Each job has a process of its own, forked from this one,
which has paid for the imports and holds no connection; SIGKILL ends it for good, as it would any worker.
"""

import json
import os
import sys
import traceback
from typing import Any

import django


def start(job: dict[str, Any]) -> int:
    """Fork a worker for the job; its process id."""
    pid = os.fork()
    if pid:
        return pid
    from django.conf import settings

    from agents.jobs import advance_run

    os.environ["FAILPOINT"] = job["failpoint"] and f"{job['failpoint']}:kill"
    settings.SCRIPTED_MODEL_FILE = job["script"]
    try:
        advance_run(job["run"])
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    django.setup()
    import agents.loop.runner  # noqa: F401 - before the first fork, not in every one

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        workers = [start(job) for job in json.loads(line)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) for worker in workers]
        answers.write(json.dumps(codes) + "\n")
        answers.flush()
