"""Two hundred simulated weeks of spending: how soon a fivefold hour is seen, and how often nothing is cried about.

Conversations come by chance, minute by minute; each costs a log-normal amount that falls into one minute, which is more
lumpy than a conversation really is. Days have a rhythm, weekends are quiet, and every week and hour has a mood of its
own. The watch looks every minute, as the scheduler does. `make spike-sim` prints the table.

`in 5` is how many of the fivefold hours were seen within five minutes; `at best` is how many could be, by chance's own
laws: whoever knew beforehand what each hour usually brings, counted the conversations of the first five minutes and was
wrong once a month (Neyman and Pearson's test). An agent with ten conversations an hour has less than one in five
minutes, and four instead of one is chance: no watch sees its fivefold hour that soon without crying wolf.
"""

import math
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from agents.costs.spikes import HOURS_OF_A_WEEK, MINIMUM_WEEKS, SHORT_MINUTES, Past, Usual, Window, spike, usual_for

COST = 150_000  # micro-units of a conversation
LUMPY = 0.7  # sigma of its logarithm
HOURS_OF_A_MONTH = 24 * 30
SOON = 5  # minutes
ONCE_A_MONTH = SOON / (HOURS_OF_A_MONTH * 60)
FIVEFOLD = 5.0


@dataclass(frozen=True)
class Profile:
    """One kind of agent. `busiest` conversations an hour by day, of which nights and weekends have a part."""

    name: str
    busiest: float
    weeks: int
    growth: float = 0.0
    night: float = 0.1
    by_night: bool = False  # when the fivefold hours come
    learnt: int = MINIMUM_WEEKS  # weeks before anything is counted

    def level(self, hour: int) -> float:
        """Conversations that this hour usually sees, at full traffic."""
        of_day, day = hour % 24, hour // 24 % 7
        rhythm = max(math.sin(math.pi * (of_day - 6) / 15), 0) if 6 <= of_day < 21 else 0
        part = self.night + (1 - self.night) * rhythm
        return self.busiest * part * (0.4 if day >= 5 else 1) * (1 + self.growth) ** (hour / HOURS_OF_A_WEEK)


PROFILES = (
    Profile("low traffic, 200 an hour", 200, 40),
    Profile("high traffic, 1,500 an hour", 1500, 40),
    Profile("cold start, 250 an hour", 250, 40, learnt=0),
    Profile("growth of 10 % a week", 150, 30, growth=0.1),
    Profile("night of 200 an hour", 2000, 30, by_night=True),
    Profile("thin, 10 an hour", 10, 20),
)


@dataclass
class Result:
    """`delays` are minutes from the first of a fivefold hour; one that was not seen counts 60."""

    profile: Profile
    delays: list[int] = field(default_factory=list)
    possible: float = 0.0
    false: int = 0
    hours: int = 0

    @property
    def per_month(self) -> float:
        return self.false / (self.hours / HOURS_OF_A_MONTH)

    def quantile(self, part: float) -> int:
        return sorted(self.delays)[math.ceil(part * len(self.delays)) - 1]

    def row(self) -> str:
        seen = sum(delay < 60 for delay in self.delays)
        return (
            f"{self.profile.name:<28} {self.hours // HOURS_OF_A_WEEK:>5} {seen:>4}/{len(self.delays):<4}"
            f"{sum(delay <= SOON for delay in self.delays):>4} {self.possible:>7.0f} "
            f"{median(self.delays):>7.0f} {self.quantile(0.95):>5} {max(self.delays):>6} {self.false:>6} "
            f"{self.per_month:>9.2f}"
        )


HEAD = (
    f"{'agent':<28} {'weeks':>5} {'seen':>7} {'in 5':>6} {'at best':>7} {'median':>7} {'95 %':>5} {'worst':>6} "
    f"{'false':>6} {'per month':>9}"
)


def simulate(profile: Profile, seed: int) -> Result:
    """Alternately a week as usual and one with fivefold hours. A cold start begins anew every second week."""
    chance, result = random.Random(seed), Result(profile)
    stretches = 1 if profile.learnt else profile.weeks // 2
    for _ in range(stretches):
        _live(profile, profile.weeks // stretches, chance, result)
    return result


def _live(profile: Profile, weeks: int, chance: random.Random, result: Result) -> None:
    offset = chance.randrange(7) * 24  # the day of the week on which it begins
    grain = COST * math.exp(LUMPY**2)
    past = Past(0, [], [0], grain)
    recent: deque[int] = deque([0] * SHORT_MINUTES, SHORT_MINUTES)
    injected, quiet_until, week_mood = _injected(profile, weeks, offset, chance), 0, 1.0
    before = Usual(None, 0, grain, 0)
    for hour in range(profile.learnt * HOURS_OF_A_WEEK + weeks * HOURS_OF_A_WEEK):
        if hour % HOURS_OF_A_WEEK == 0:
            week_mood = chance.lognormvariate(0, 0.08)
        counted = hour >= profile.learnt * HOURS_OF_A_WEEK
        usual = usual_for(past, hour) if counted else before
        level = profile.level(hour + offset) * week_mood * chance.lognormvariate(0, 0.1)
        is_injected, so_far, seen = hour in injected, 0, 60
        for minute, cost in enumerate(_minutes(level * (FIVEFOLD if is_injected else 1), chance), 1):
            so_far += cost
            recent.append(cost)
            if not counted or (seen < 60 if is_injected else hour < quiet_until):
                continue
            # The last minutes may lie in the hour before: the busier of the two is what is usual.
            short = usual if minute >= SHORT_MINUTES or (before.hour or 0) <= (usual.hour or 0) else before
            found = spike(usual, [Window(minute, so_far)]) or spike(short, [Window(SHORT_MINUTES, sum(recent))])
            if found and is_injected:
                seen = minute
            elif found:
                result.false += 1
                quiet_until = hour + 2  # the alert is open: what goes on is the same one
        if is_injected:
            result.delays.append(seen)
            result.possible += seen_at_best(level)
            quiet_until = hour + 2  # what is left of it in the last minutes is the same spike
        past.costs.append(so_far)
        past.sums.append(past.sums[-1] + so_far)
        before = usual
        result.hours += counted


def seen_at_best(level: float) -> float:
    """How surely a fivefold hour, of usually `level` conversations, can be told by its first minutes."""
    usual = level * SOON / 60
    false = seen = 0.0
    for count in range(math.ceil(usual * FIVEFOLD + 40 * math.sqrt(usual * FIVEFOLD) + 40), -1, -1):
        by_chance, by_spike = (_probability(count, mean) for mean in (usual, usual * FIVEFOLD))
        if false + by_chance > ONCE_A_MONTH:
            return seen + by_spike * (ONCE_A_MONTH - false) / by_chance
        false, seen = false + by_chance, seen + by_spike
    return seen


def _probability(count: int, mean: float) -> float:
    """Of so many by chance, where `mean` are usual (Poisson)."""
    return math.exp(count * math.log(mean) - mean - math.lgamma(count + 1))


def _injected(profile: Profile, weeks: int, offset: int, chance: random.Random) -> set[int]:
    """One hour that becomes fivefold on two days of every second week, in the agent's own time."""
    of_day = (22, 23, 0, 1, 2, 3, 4) if profile.by_night else range(9, 18)
    found = set()
    for week in range(1, weeks, 2):
        first = (profile.learnt + week) * HOURS_OF_A_WEEK
        for day in chance.sample([d for d in range(7) if (first // 24 + offset // 24 + d) % 7 < 5], 2):
            found.add(first + day * 24 + chance.choice(of_day))
    return found


def _minutes(level: float, chance: random.Random) -> Iterator[int]:
    """What each minute of an hour costs, with so many conversations in the hour."""
    rate = level / 60
    mean, second = COST, COST**2 * math.exp(LUMPY**2)
    for _ in range(60):
        if rate > 12:  # enough for the central limit
            yield max(round(chance.gauss(rate * mean, math.sqrt(rate * second))), 0)
            continue
        yield sum(round(COST * chance.lognormvariate(-(LUMPY**2) / 2, LUMPY)) for _ in range(_poisson(rate, chance)))


def _poisson(rate: float, chance: random.Random) -> int:
    limit, product, count = math.exp(-rate), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count


def everything(seed: int = 20260101) -> list[Result]:
    return [simulate(profile, seed + number) for number, profile in enumerate(PROFILES)]


def main() -> None:
    print(HEAD)  # noqa: T201
    for result in everything():
        print(result.row())  # noqa: T201


if __name__ == "__main__":
    main()
