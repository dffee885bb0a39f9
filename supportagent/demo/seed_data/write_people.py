"""Roles, teams and the demo's log-ins."""

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from guardian.shortcuts import assign_perm

from supportagent.demo.logins import LOGINS, PASSWORD, DemoLogin
from supportagent.demo.seed_data.people import TEAMS
from supportagent.staff.models import Team, User
from supportagent.staff.roles import sync_roles

DECIDING_ROLES = ("Supervisor", "Finance lead")


def write_people() -> dict[str, User]:
    """Roles, teams and log-ins with the published password; returns the people by user name.

    Whoever exists keeps the password and the roles they have.
    """
    sync_roles()
    for slug, name in TEAMS:
        if not Team.objects.filter(slug=slug).exists():
            Team.objects.create(slug=slug, name=name)
    # One hash for all: hashing takes half a second on purpose, and this password is published anyway.
    password = make_password(PASSWORD)
    return {login.username: _person(login, password) for login in LOGINS}


def _person(login: DemoLogin, password: str) -> User:
    user, new = User.objects.get_or_create(
        username=login.username,
        defaults={
            "first_name": login.first_name,
            "last_name": login.last_name,
            "email": f"{login.username}@harbour-and-pine.example",
            "is_staff": True,
            "is_superuser": login.role == "Ops admin",
            "password": password,
        },
    )
    if new:
        user.groups.add(Group.objects.get(name=login.role))
        for team in Team.objects.filter(slug__in=login.teams):
            assign_perm("staff.view_team", user, team)
            if login.role in DECIDING_ROLES:
                assign_perm("staff.decide_for_team", user, team)
    return user
