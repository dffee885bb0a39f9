import json
import logging
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from agents.models import Comparison
from agents.providers.base import ProviderMisconfigured
from agents.providers.registry import get_provider
from supportagent.changes.errors import ChangeError
from supportagent.demo import play
from supportagent.demo.rehearsal import against, rehearse, scripts, stage, summary, triage
from supportagent.demo.rehearsal.casting import OFFLINE, OFFLINE_MODEL, Casting
from supportagent.rehearsal.comparing import Compared, Pair
from supportagent.rehearsal.scripts import Scenario, ScriptError, read, read_all

REAL_MODEL = "gpt-5-mini"


class Command(BaseCommand):
    help = "Play the scripted conversations and compare how each ends; nothing of them stays in the database."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--repeat", type=int, default=1, metavar="K", help="pass only what is right K times (pass^k)"
        )
        parser.add_argument("--only", action="append", metavar="NAME", help="these scenarios; may be repeated")
        parser.add_argument("--json", action="store_true", help="print the results as JSON")
        parser.add_argument(
            "--from", dest="source", metavar="PATH", help="scenarios of your own: a file, or a folder of them"
        )
        parser.add_argument(
            "--provider",
            help="whose model plays, as in openai_responses; without it the offline model, and in a comparison the "
            "models that the versions name",
        )
        parser.add_argument(
            "--against",
            metavar="VERSION",
            help="compare an agent with this version of it, on the same scenarios: a history id, or live",
        )
        parser.add_argument("--agent", metavar="SLUG", help="whose versions are compared")
        parser.add_argument(
            "--change", type=int, metavar="N", help="the candidate is what proposed change C-N would make of it"
        )
        parser.add_argument(
            "--triage",
            nargs="?",
            const="",
            metavar="FILE",
            help="measure triage on labelled messages instead: JSON lines with id, customer_turns, category",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("SUPPORTAGENT_ENV=production refuses to play scenarios")
        if options["repeat"] < 1:
            raise CommandError("--repeat takes a number from 1 on")
        # Nobody else sees what is played, so it does not matter whether a queue or a channel layer answers.
        for name in ("agents.dispatch", "supportagent.console.live"):
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            stage.check_ready()
            if options["against"] is not None:
                self._compare(options)
                return
            provider = options["provider"] or OFFLINE
            casting = Casting(provider, _model(provider))
            if options["triage"] is not None:
                self._measure(options["triage"], casting, as_json=options["json"])
                return
            chosen = _chosen(options["only"], options["source"])
            results = rehearse.rehearse_all(chosen, repeat=options["repeat"], casting=casting)
        except (stage.NotReady, ScriptError, play.PlayError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(_as_json(results)) if options["json"] else self._print(results, options["repeat"])
        failed = sum(not result.passed for result in results)
        if failed:
            raise CommandError(f"{failed} of {len(results)} scenarios did not end as expected.")

    def _compare(self, options: dict[str, Any]) -> None:
        """Two versions of an agent. That one does worse is an answer and no error."""
        if not options["agent"]:
            raise CommandError("Name the agent whose versions are compared: --agent SLUG")
        provider = options["provider"] or ""
        told = (lambda pair: None) if options["json"] else self._tell
        try:
            match = against.find(slug=options["agent"], against=options["against"], change=options["change"])
            for name in {provider} if provider else match.providers():
                _model(name)
            compared, kept = against.play(
                match,
                _chosen(options["only"], options["source"]),
                repeat=options["repeat"],
                whole=not (options["only"] or options["source"]),
                provider=provider,
                model=_model(provider) if provider else "",
                told=told,
            )
        except (against.CannotCompare, ChangeError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(_compared_json(compared, kept) if options["json"] else kept.words)

    def _tell(self, pair: Pair) -> None:
        """One scenario as soon as it was played, with what differs."""
        verdict = "better" if pair.better else "WORSE" if pair.worse else "same"
        passed = " -> ".join("pass" if one.passed else "fail" for one in (pair.before, pair.after))
        cost = pair.after.cost_micros - pair.before.cost_micros
        self.stdout.write(f"{verdict:<7} {passed}  {cost:+8}  {pair.name}")
        for line in pair.differences() + [f"problem: {line}" for line in pair.after.problems]:
            self.stdout.write(f"        {line}")

    def _print(self, results: list[rehearse.Result], repeat: int) -> None:
        width = max(len(result.scenario.name) for result in results)
        for result in results:
            verdict = "pass" if result.passed else "FAIL"
            route = " > ".join(result.performances[-1].route)
            times = f"{result.right}/{repeat}"
            self.stdout.write(f"{verdict}  {result.scenario.name:<{width}}  {times:>5}  {route}")
            for line in dict.fromkeys(line for one in result.performances for line in one.problems):
                self.stdout.write(f"      {line}")
        passed = sum(result.passed for result in results)
        seconds = sum(one.seconds for result in results for one in result.performances)
        self.stdout.write(f"pass^{repeat}: {passed} of {len(results)} scenarios, {seconds:.1f} s")
        self.stdout.write("\n".join(["", *(f"  {line}" for line in summary.lines(results))]))

    def _measure(self, path: str, casting: Casting, *, as_json: bool) -> None:
        if not path:
            raise CommandError(
                "Name the file: --triage FILE, JSON lines with id, customer_turns and category. The labelled messages "
                "that the project measures with are not part of the product."
            )
        try:
            conversations = play.read_conversations(Path(path))
        except OSError as error:
            raise CommandError(f"The messages cannot be read: {error}") from error
        report = triage.measure(conversations, casting)
        if not report.n:
            raise CommandError(f"{path} has no labelled message.")
        if as_json:
            self.stdout.write(json.dumps(_triage_data(report), indent=2))
            return
        self.stdout.write(f"{'category':<18}{'n':>4}{'given':>7}{'precision':>11}{'recall':>8}")
        for score in report.scores():
            self.stdout.write(
                f"{score.category:<18}{score.labelled:>4}{score.given:>7}"
                f"{_per_cent(score.precision):>11}{_per_cent(score.recall):>8}"
            )
        self.stdout.write(
            f"{report.right} of {report.n} right ({report.right / report.n:.0%}); {report.unsure} were not sure enough "
            "and went to a person"
        )
        for line in report.confused:
            self.stdout.write(f"  confused: {line}")


def _model(provider: str) -> str:
    """The model to ask for. Raises CommandError where the provider cannot answer."""
    if provider == OFFLINE:
        return OFFLINE_MODEL
    if provider not in settings.MODEL_PROVIDERS:
        raise CommandError(f"There is no provider {provider!r}; known: {', '.join(sorted(settings.MODEL_PROVIDERS))}.")
    if provider not in settings.DEMO_PROVIDERS and not (settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL):
        raise CommandError(
            f"The provider {provider!r} has no key here, so nothing was played: set OPENAI_API_KEY, or OPENAI_BASE_URL "
            "for a server of your own."
        )
    try:
        get_provider(provider)
    except ProviderMisconfigured as error:
        raise CommandError(str(error)) from error
    return settings.DEFAULT_MODEL if provider == settings.DEFAULT_MODEL_PROVIDER else REAL_MODEL


def _chosen(only: list[str] | None, source: str | None) -> list[Scenario]:
    """The demo's scenarios, or those of a file or folder; of them the named ones. Raises ScriptError, CommandError."""
    if source is None:
        scenarios = scripts.read_all()
    else:
        path = Path(source)
        scenarios = read_all(path) if path.is_dir() else [read(path)]
        if not scenarios:
            raise CommandError(f"{source} holds no scenario: a file that ends in .toml.")
    if not only:
        return scenarios
    known = {scenario.name: scenario for scenario in scenarios}
    if unknown := [name for name in only if name not in known]:
        raise CommandError(f"No such scenario: {', '.join(unknown)}. There are: {', '.join(known)}.")
    return [known[name] for name in only]


def _compared_json(compared: Compared, kept: Comparison) -> str:
    pairs = [
        {
            "name": pair.name,
            "verdict": "better" if pair.better else "worse" if pair.worse else "same",
            "before": asdict(pair.before),
            "after": asdict(pair.after),
            "differences": pair.differences(),
        }
        for pair in compared.pairs
    ]
    summary = {
        "comparison": kept.pk,
        "agent": kept.agent.slug,
        "runs_on": kept.runs_on,
        "does_worse": kept.does_worse,
        "because": kept.because,
        "counts": kept.counts,
        **kept.figures,
        "scenarios": pairs,
    }
    return json.dumps(summary, indent=2, ensure_ascii=False)


def _as_json(results: list[rehearse.Result]) -> str:
    return json.dumps(
        [
            {
                "name": result.scenario.name,
                "title": result.scenario.title,
                "passed": result.passed,
                "right": result.right,
                "played": len(result.performances),
                "route": result.performances[-1].route,
                "problems": sorted({line for one in result.performances for line in one.problems}),
                "seconds": round(sum(one.seconds for one in result.performances), 2),
            }
            for result in results
        ],
        indent=2,
        ensure_ascii=False,
    )


def _triage_data(report: triage.TriageReport) -> dict[str, Any]:
    scores = [
        {"category": s.category, "n": s.labelled, "given": s.given, "precision": s.precision, "recall": s.recall}
        for s in report.scores()
    ]
    return {"n": report.n, "right": report.right, "unsure": report.unsure, "categories": scores,
            "confused": report.confused}  # fmt: skip


def _per_cent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
