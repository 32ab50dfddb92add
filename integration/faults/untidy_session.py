"""An environment that is not tidy, what is done to it by turns, and what is asked after that.

Purpose: the steps that there are, and when one of them is wrong.

Calling sequence::

    session = Session(bench, "venv", wheels)
    session.ours(chance), session.theirs(chance)       # a step
    session.command(asked, chance), session.kill(asked, chance)
    session.told, session.tally

Guarantees: in the same state the same chance does the same. What is judged of a command:
``untidy_judge``; besides, a dry run changes nothing and foretells what the run refuses, what was
installed is found whole by ``check``, is unchanged when it is installed again, and ``list`` lists
what is there. A third of the commands are killed at some call; then ``recover`` has to lead to
old or new, also where somebody has acted in between: there nothing that was put there since may
be lost.

Errors: ``WrongError`` where something is wrong; others are mistakes of the harness.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from integration.faults import untidy_acts, untidy_records, untidy_tools
from integration.faults.ownership import State
from integration.faults.snapshot import difference
from integration.faults.untidy_acts import Scene
from integration.faults.untidy_commands import (
    BUG,
    Answer,
    Asked,
    NoAnswerError,
    ask,
    ask_counting,
    ask_killed,
    choose,
)
from integration.faults.untidy_judge import REFUSED, Met, Problem, judge, settled, settled_beside

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Sequence

    from integration.faults.untidy_places import Bench
    from integration.faults.untidy_wheels import Wheel

RECOVER = Asked("recover", ("recover",))
ACTS = {**untidy_tools.ACTS, **untidy_acts.ACTS, **untidy_records.ACTS}
_OF_CACHE = ("prune", "clean", "verify")
_CACHE = 0.03
"""How often it is a command of the cache: none of those may touch the environment."""
_KILLED, _DRY, _AGAIN, _BETWEEN = 0.3, 0.3, 0.3, 0.3
_UNFINISHED = 3
"""The exit status that says that something is left to be settled."""


class WrongError(Exception):
    """Something is wrong.

    :param problem: what
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass
class Tally:
    """How often each thing was done, and with which end."""

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Add what another one has counted."""
        self.done.update(other.done)
        self.refused.update(other.refused)
        self.killed.update(other.killed)


def _foretold(dry: Answer, answer: Answer) -> bool:
    """Return whether a dry run told what came.

    Nothing is compiled for it: it does not know what is in the way of a compiled file alone.
    """
    compiled = any("__pycache__" in str(one) for one in answer.error.get("problems", ()))
    return compiled or (dry.status == 0) == (answer.status == 0)


class Session:
    """An environment, and what is done to it.

    :param bench: where it is made
    :param kind: its kind
    :param wheels: what may be installed
    """

    def __init__(self, bench: Bench, kind: str, wheels: Sequence[Wheel]) -> None:
        self.bench, self.wheels = bench, wheels
        self.place = bench.place(kind)
        self.told: list[str] = []
        self.tally = Tally()
        self._unfinished = False

    # ------------------------------------------------------------ steps

    def theirs(self, chance: random.Random) -> None:
        """Let somebody else do something."""
        names = list(ACTS)
        (name,) = chance.choices(names, [often for _, often in ACTS.values()])
        act, _ = ACTS[name]
        try:
            done = act(Scene(self.place, self.wheels, chance))
        except OSError as error:
            self.told.append(f"{name}: not wholly: {error}")
            return
        self.tally.done[name] += bool(done)
        self.told.append(f"{name}: {done or 'nothing to do'}")

    def ours(self, chance: random.Random) -> None:
        """Give a command of ours, after what is unfinished was settled."""
        if chance.random() < _CACHE:
            self.of_cache(chance.choice(_OF_CACHE))
            return
        if not self._settled():
            return
        asked = choose(self.place, self.wheels, chance)
        if asked.verb not in {"recover", "decouple"} and chance.random() < _KILLED:
            self.kill(asked, chance)
        else:
            self.command(asked, chance)

    def command(self, asked: Asked, chance: random.Random) -> Answer:
        """Give a command and judge what comes of it."""
        before = State.of(self.place)
        dry = self._dry_run(asked, before) if chance.random() < _DRY else None
        answer = self._ask(asked)
        if dry is not None and not _foretold(dry, answer):
            self._wrong("the dry run foretold something else", f"{asked}: {dry}, then {answer}")
        self._judge(asked, answer, before)
        if asked.verb == "install" and not answer.status:
            self._look_again(asked, answer)
            # With --overwrite-existing one wheel may take a file of another that stays as it is:
            # that one misses it, and the next run gives it back.
            taken = asked.overwrites and "unchanged" in answer.actions.values()
            if chance.random() < _AGAIN and not taken:
                self._again(asked)
        self._list()
        return answer

    def of_cache(self, verb: str) -> None:
        """Give a command of the cache, which must leave the environment alone."""
        before = self.place.nodes()
        answer = self._ask(Asked(f"cache {verb}", ("cache", verb)))
        found = difference(before, self.place.nodes())
        if found:
            self._wrong("a command of the cache changed the environment", f"{answer}; {found[:4]}")

    def kill(self, asked: Asked, chance: random.Random) -> None:
        """Give a command, judge it, and give it again from the start and kill it."""
        before = State.of(self.place)
        self.bench.keep()
        calls, answer = self._ask_counting(asked)
        self._judge(asked, answer, before)
        new = State.of(self.place)
        self.bench.bring_back()
        if not calls:
            return
        point = chance.randint(1, calls)
        killed = ask_killed(self.place, asked, point)
        self.told.append(f"killed at {point} of {calls}: {asked} -> {killed}")
        if killed.status >= 0:  # it made fewer calls than the first time
            self._unfinished = killed.status == _UNFINISHED
            return
        self.tally.killed[asked.verb] += 1
        if chance.random() < _BETWEEN:
            own = before.files_of(asked.projects)
            self._recover_beside(own, before, new, chance)
            return
        answer = self._ask(RECOVER)
        if answer.status:
            self._wrong("the recovery failed", f"{asked}, killed at {point}: {answer}")
        after, layout = State.of(self.place), self.place.own_folders()
        self._all(settled(before, new, after, layout), asked)

    # ------------------------------------------------------------ what is judged

    def _recover_beside(
        self, own: frozenset[str], before: State, new: State, chance: random.Random
    ) -> None:
        killed = self.place.nodes()
        self.theirs(chance)
        theirs = self.place.nodes()
        answer = self._ask(RECOVER)
        met = Met(own, before.nodes, new.nodes, killed, theirs, self.place.nodes())
        self._all(settled_beside(met, answer), RECOVER)
        self._unfinished = True  # what was kept of theirs goes with the next recovery

    def _settled(self) -> bool:
        """Settle what is unfinished; return whether a command may be judged."""
        if self._unfinished:
            self._unfinished = self._ask(RECOVER).status != 0
        return not self._unfinished

    def _judge(self, asked: Asked, answer: Answer, before: State) -> None:
        after, layout = State.of(self.place), self.place.own_folders()
        self._all(judge(asked, answer, before, after, self.wheels, layout), asked)

    def _dry_run(self, asked: Asked, before: State) -> Answer | None:
        if asked.verb in {"recover", "decouple"}:
            return None
        answer = self._answer(asked, "--dry-run")
        found = difference(before.nodes, self.place.nodes())
        if found:
            self._wrong("a dry run changed something", f"{asked}: {found[:4]}")
        return answer

    def _look_again(self, asked: Asked, answer: Answer) -> None:
        """Ask ``check`` about what was installed just now."""
        words = ("check", *sorted(asked.projects), "--full")
        checked = self._answer(Asked("check", words))
        new = {name for name, action in answer.actions.items() if action != "unchanged"}
        found = [one for one in checked.form.get("findings", ()) if one["distribution"] in new]
        if found:
            self._wrong("check finds fault with what was installed", f"{asked}: {found[:2]}")

    def _again(self, asked: Asked) -> None:
        """Install the same once more: nothing is to be done."""
        words = tuple(word for word in asked.words if word != "--reinstall")
        before = self.place.nodes()
        answer = self._answer(Asked(asked.verb, words, asked.projects))
        found = difference(before, self.place.nodes())
        if answer.status or set(answer.actions.values()) - {"unchanged"} or found:
            told = f"{asked}: {answer} {answer.actions} {found[:4]}"
            self._wrong("installing the same again did something", told)

    def _list(self) -> None:
        answer = self._answer(Asked("list", ("list",)))
        listed = sorted(one["name"] for one in answer.form.get("distributions", ()))
        there = sorted(one.project for one in State.of(self.place).installed)
        if answer.status or listed != there:
            self._wrong("list tells something else", f"{answer}: {listed}, not {there}")

    # ------------------------------------------------------------ asking

    def _ask(self, asked: Asked) -> Answer:
        return self._noted(asked, self._answer(asked))

    def _ask_counting(self, asked: Asked) -> tuple[int, Answer]:
        try:
            calls, answer = ask_counting(self.place, asked)
        except NoAnswerError as error:
            self._wrong("no answer", f"{asked}: {error}")
            raise
        self._no_bug(asked, answer)
        return calls, self._noted(asked, answer)

    def _answer(self, asked: Asked, *more: str) -> Answer:
        try:
            answer = ask(self.place, asked, *more)
        except NoAnswerError as error:
            self._wrong("no answer", f"{asked}: {error}")
            raise
        self._no_bug(asked, answer)
        return answer

    def _no_bug(self, asked: Asked, answer: Answer) -> None:
        if answer.error.get("code") == BUG:
            self._wrong("an error that nobody foresaw", f"{asked}: {answer}")

    def _noted(self, asked: Asked, answer: Answer) -> Answer:
        self.told.append(f"{asked} -> {answer}")
        self.tally.done[asked.verb] += not answer.status
        self.tally.refused[asked.verb] += answer.status in REFUSED
        return answer

    def _all(self, problems: Iterable[Problem], asked: Asked) -> None:
        for problem in problems:
            self._wrong(problem.kind, f"{asked}: {problem.detail}")

    def _wrong(self, kind: str, detail: str) -> None:
        raise WrongError(Problem(kind, detail))
