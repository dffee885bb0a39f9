"""Rules of the house that the import contracts in pyproject.toml cannot say. `make lint` checks those."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import grimp
import pytest
from django.apps import apps

ROOT = Path(__file__).resolve().parent.parent
OURS = ("supportagent", "agents", "approvals", "audit")
DOMAINS = ("store", "knowledge", "engineering")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*OURS)


def importers(graph: grimp.ImportGraph, module: str) -> set[str]:
    return set(graph.find_modules_that_directly_import(module))


def test_only_execution_calls_tools(graph: grimp.ImportGraph):
    assert importers(graph, "agents.mcp.client") == {"agents.loop.execution"}


def test_imported_servers_are_reached_by_the_client_and_the_import_only(graph: grimp.ImportGraph):
    assert importers(graph, "agents.mcp.remote") == {"agents.mcp.client", "agents.mcp.importing"}


def test_the_loop_reaches_providers_through_their_registry_only(graph: grimp.ImportGraph):
    shared = {"agents.providers.base", "agents.providers.registry"}
    adapters = {m for m in graph.find_descendants("agents.providers") if m not in shared}
    outside = {
        (importer, adapter)
        for adapter in adapters
        for importer in importers(graph, adapter)
        if not importer.startswith("agents.providers.")
    }
    assert adapters
    assert outside == set()
    assert importers(graph, "agents.providers.registry") <= {
        "agents.connection",
        "agents.loop.runner",
        "agents.workers",
        "agents.checks",
        "supportagent.demo.management.commands.run_scenarios",  # asks only whether the provider can be used
    }


def test_a_domain_is_imported_by_itself_and_by_the_demo_only(graph: grimp.ImportGraph):
    for domain in DOMAINS:
        package = f"supportagent.{domain}"
        for module in {package, *graph.find_descendants(package)}:
            strangers = {
                name for name in importers(graph, module) if not name.startswith((package, "supportagent.demo."))
            }
            assert strangers == set(), f"{module} is imported past its MCP server"


def test_no_foreign_key_crosses_the_door_of_a_domain():
    # The history of an article names the person who changed it: configuration, not the domain's data.
    crossing = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.is_relation
        and field.related_model
        and field.name != "history_user"
        and (model._meta.app_label in DOMAINS) != (field.related_model._meta.app_label in DOMAINS)
    ]
    assert crossing == []


def test_audit_points_to_nothing_outside_itself():
    pointing = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_app_config("audit").get_models()
        for field in model._meta.fields
        if field.is_relation and field.related_model._meta.app_label != "audit"
    ]
    assert pointing == []


def test_approvals_hold_no_key_to_a_run():
    pointing = [
        field.name
        for model in apps.get_app_config("approvals").get_models()
        for field in model._meta.fields
        if field.is_relation and field.related_model._meta.app_label == "agents"
    ]
    assert pointing == []


def test_the_house_has_no_further_top_level_package():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == {*OURS, "tests"}
    assert (ROOT / "supportagent" / "__init__.py").read_text() == ""


def requirements(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_file_pins_with_hashes_and_names_no_address(lock: str):
    text = (ROOT / lock).read_text()
    pins = requirements(lock)
    assert "openai-agents" not in pins, "it would bring a top-level package `agents`"
    assert re.search(r"https?://|file:|--index|--find-links|# via", text) is None
    entries = re.split(r"\n(?=\S)", text.strip())
    assert len(entries) == len(pins)
    assert all("--hash=sha256:" in entry for entry in entries)


def test_the_lock_files_hold_every_dependency_at_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime, dev = requirements("requirements.lock"), requirements("requirements-dev.lock")
    assert runtime.items() <= dev.items()
    wanted = [(name, runtime) for name in project["project"]["dependencies"]]
    wanted += [(name, dev) for name in project["dependency-groups"]["dev"]]
    for requirement, lock in wanted:
        name, version = re.fullmatch(r"([A-Za-z0-9-]+)(?:\[.*\])?==([0-9.a-z]+?)(?:\.\*)?", requirement).groups()
        pinned = lock[name.lower()]
        assert pinned == version or pinned.startswith(f"{version}."), requirement
