"""Three days of logs of three services: a quiet rhythm, small troubles, and one incident of the Brew sync."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from supportagent.engineering.models import Service, ServiceLog

HOURS = 72
SEED = 20
Level = ServiceLog.Level
QUIET = {
    Service.CHECKOUT: (
        "health ok, p95 {ms} ms, {n} orders in the last hour",
        "payment provider reachable, p95 {ms} ms",
    ),
    Service.BREW_SYNC: (
        "health ok, {n} kettles connected, p95 {ms} ms",
        "recipe sync finished for {n} kettles",
    ),
    Service.NOTIFICATIONS: ("{n} e-mails accepted by the relay", "push queue empty after {ms} ms"),
}
# Hours ago (with minutes as hundredths of an hour), service, level, message; oldest first.
EVENTS = (
    (
        58.5,
        Service.CHECKOUT,
        Level.WARNING,
        "3 card payments declined by the issuer within 10 minutes (code 05)",
    ),
    (
        41.2,
        Service.NOTIFICATIONS,
        Level.WARNING,
        "relay answered 421, 118 e-mails delayed by up to 9 minutes",
    ),
    (40.9, Service.NOTIFICATIONS, Level.INFO, "delayed e-mails delivered, queue empty"),
    (20.4, Service.BREW_SYNC, Level.WARNING, "token refresh took 4200 ms (limit 1000 ms)"),
    (19.9, Service.BREW_SYNC, Level.ERROR, "token refresh failed for 14 % of kettles: upstream 503"),
    (
        19.6,
        Service.BREW_SYNC,
        Level.ERROR,
        "app 4.2.x: schedules not delivered, SYNC-503 returned to clients",
    ),
    (
        19.1,
        Service.BREW_SYNC,
        Level.ERROR,
        "incident INC-207 opened: schedule delivery failing since the 4.2.3 rollout",
    ),
    (
        17.8,
        Service.BREW_SYNC,
        Level.WARNING,
        "rollback of the token service started, 31 % of kettles affected",
    ),
    (16.4, Service.BREW_SYNC, Level.INFO, "rollback finished, error rate 2 %"),
    (
        15.9,
        Service.BREW_SYNC,
        Level.WARNING,
        "kettles offline during INC-207 need one power cycle to fetch schedules",
    ),
    (15.2, Service.BREW_SYNC, Level.INFO, "incident INC-207 mitigated, watching"),
    (
        5.3,
        Service.BREW_SYNC,
        Level.ERROR,
        "app 4.2.3 on Android 11: crash on start in RecipeStore.migrate (41 reports)",
    ),
    (3.1, Service.CHECKOUT, Level.WARNING, "p95 1900 ms for 6 minutes while the search index was rebuilt"),
)


def write_logs(now: datetime) -> int:
    """Write the logs once: a service that has any keeps what it has."""
    if ServiceLog.objects.exists():
        return 0
    logs = [*_quiet(now), *_events(now)]
    ServiceLog.objects.bulk_create(sorted(logs, key=lambda entry: entry.at))
    return len(logs)


def _quiet(now: datetime) -> Iterator[ServiceLog]:
    dice = random.Random(SEED)  # noqa: S311 - filler that must be the same every time
    for hour in range(HOURS, 0, -1):
        for service, messages in QUIET.items():
            message = dice.choice(messages).format(ms=dice.randint(60, 240), n=dice.randint(12, 480))
            at = now - timedelta(hours=hour, minutes=-dice.randint(0, 50))
            yield ServiceLog(at=at, service=service, level=Level.INFO, message=message)


def _events(now: datetime) -> Iterator[ServiceLog]:
    for hours, service, level, message in EVENTS:
        yield ServiceLog(at=now - timedelta(hours=hours), service=service, level=level, message=message)
