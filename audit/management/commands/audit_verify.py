"""`audit_verify`: exit code 0 the log is whole, 1 it was tampered with, 2 it could not be verified."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from audit import verification

TAMPERED, CANNOT_VERIFY = 1, 2


class Command(BaseCommand):
    help = "Verify the audit log. Exit code 0: whole. 1: tampered with. 2: could not be verified."
    requires_system_checks = []  # a broken installation is a reason to verify, not to refuse

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = verification.verify()
        except Exception as problem:
            # Every failure: Python's own exit code for an uncaught one is 1, which here means "tampered".
            self.stderr.write(f"cannot verify: {problem or type(problem).__name__}")
            sys.exit(CANNOT_VERIFY)
        for finding in report.findings:
            place = "" if finding.seq is None else f" at seq {finding.seq}"
            self.stdout.write(f"tampered: {finding.kind}{place}: {finding.message}")
        if not report.ok:
            sys.exit(TAMPERED)
        self.stdout.write(f"ok: {report.entries} entries, head {report.tip.hex()}")
