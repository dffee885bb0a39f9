"""A worker process that does one job: `python -m tests.faults.worker RUN_ID`. FAILPOINT says where it dies."""

import sys

import django

if __name__ == "__main__":
    django.setup()
    from agents.jobs import advance_run

    advance_run(sys.argv[1])
