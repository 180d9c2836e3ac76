"""A month of simulated days over the real daemon, the real command and HTTP, on the model `mini`:
each day everything is as the rules say (`tests.month.rules`), and its entries prove it.

The wall clock of the daemon is libfaketime's; without it the test is skipped, except in CI.
"""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.month.daemon import LABELS_STEP, MINI, Home, library
from tests.month.rules import DENIED, IN_FORCE, OWNER, WAITING, Case
from tests.month.story import Story

pytest.importorskip("jax")

ANN, BOB, CYD, DEE = (f"principal:{name}" for name in ("ann", "bob", "cyd", "dee"))
KEY, LOCK = ("key", "licence"), ("lock", "contract")
DRUM, BRAIN = ("drum", "licence"), ("brain", "contract")
BAD = "key,,mars\n"
FLOOD = 120
MANY = ("mushroom", "rainbow", "headphones", "cactus", "airplane")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LAST_DAY = 30


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """A home with `mini`, whose daemon runs; nothing has happened yet."""
    faketime = library()
    if faketime is None and os.environ.get("CI"):
        pytest.fail("faketime is not installed: .ci/run installs it")
    if faketime is None:
        pytest.skip("the clock is moved by libfaketime: install the package faketime")
    home = Home(tmp_path, faketime)
    labels = [line for line in (MINI / "labels.txt").read_text().split("\n") if line]
    home.govd(
        "model", "add", "mini", "mini", *home.model(labels[::LABELS_STEP], "first")
    )
    home.start()
    try:
        yield Story(home)
    finally:
        home.stop()
        home.http.close()


class Month(Story):
    """What happens on each day; `days` has those on which something does beside the list."""

    def day_0(self) -> None:
        """All policies are only tried: nothing waits."""
        self.begin()
        self.file("car", DEE)
        self.file("bell", DEE, "court")
        self.lists([KEY, LOCK])
        self.settle()
        report = self.home.get("/v1/policies/court/report")
        assert report["counts"].get("wait") == 1, report["counts"]

    def day_1(self) -> None:
        """They are enforced; the list has rows twice, and one that cannot be read."""
        self.enforce(*(set(self.rules.rules) - {"by-itself"}))
        self.lists([KEY, LOCK, DRUM, BRAIN], bad=BAD, twice=True)
        self.settle()

    def day_2(self) -> None:
        """Two tokens of one person, and the filer himself, are not two people."""
        self.lists([KEY, LOCK, DRUM, BRAIN])
        ghost = self.file("ghost", DEE, "court")
        self.settle()
        for who, second in ((DEE, False), (ANN, False), (ANN, True)):
            self.decide("approve", ghost, who, second)
            self.settle()
        assert ghost.state == WAITING

    def day_3(self) -> None:
        """Legal are two now; then brand."""
        ghost = self.case("ghost")
        self.decide("approve", ghost, BOB)
        self.settle()
        assert ghost.state == WAITING
        self.decide("approve", ghost, CYD)
        self.settle()
        assert ghost.state == IN_FORCE

    def day_4(self) -> None:
        """A hold on what expires the day after tomorrow; a name that stays; a contract's end."""
        self.decide("hold", self.case("drum"), OWNER)
        baby = self.file("baby", ANN)
        self.revert(self.case("car"), DEE)
        self.settle()
        assert baby.state == DENIED
        assert self.leaving("brain").filer == "policy:expiry-asks"

    def day_5(self) -> None:
        """A revert by four eyes; one that a policy asked for, by anybody."""
        self.decide("approve", self.leaving("car"), DEE)
        self.settle()
        self.decide("approve", self.leaving("car"), BOB)
        self.decide("approve", self.leaving("brain"), OWNER)
        self.settle()

    def day_6(self) -> None:
        """Another checkpoint in the model's place: each forget is computed anew, and stays;
        on one of them is a hold.
        """
        self.home.govd("model", "rebase", "mini", *self.home.another())
        self.settle()
        assert self.home.get("/v1/models/mini")["reference"] == str(self.home.turned)

    def day_7(self) -> None:
        """The licence of what is held has ended: it stays. Everything automatic stops."""
        assert self.case("drum").state == IN_FORCE
        self.enforce("by-itself")
        self.freeze("an incident")
        self.put_list([KEY, LOCK, DRUM, BRAIN, ("skull", "")])
        feather = self.file("feather", DEE, "small")
        self.settle()
        assert feather.state == WAITING
        assert feather.frozen

    def day_8(self) -> None:
        """Released, and still frozen."""
        self.decide("release", self.case("drum"), OWNER)
        self.settle()
        assert self.case("drum").state == IN_FORCE

    def day_9(self) -> None:
        """What waited for the end of the freeze happens, and was told."""
        told = "\n".join(self.unfreeze())
        drum = self.case("drum")
        assert drum.key in told
        self.read_list([KEY, LOCK, DRUM, BRAIN, ("skull", "")])
        self.settle()
        assert drum.state == "reverted"

    def day_10(self) -> None:
        """A row disappears."""
        self.lists([KEY, DRUM, BRAIN, ("skull", "")])
        self.settle()
        assert self.leaving("lock").filer == "feed:nightly"

    def day_11(self) -> None:
        """A hundred times the usual is held for a person, who says no; and yes to the revert."""
        self.decide("approve", self.leaving("lock"), ANN)
        self.put_list([KEY, DRUM, BRAIN, *((f"flood {n}", "") for n in range(FLOOD))])
        run = self.held_list()
        self.settle()
        self.home.govd("feed", "reject", "nightly", str(run), "--reason", "a mistake")
        self.settle()

    def day_12(self) -> None:
        """A plugin raises: what is filed waits, and nobody approves it until the plugin is well."""
        self.fails("raises")
        tooth = self.file("tooth", DEE)
        self.settle()
        self.decide("approve", tooth, ANN)
        self.settle()
        assert tooth.state == WAITING
        self.fails("")
        self.decide("approve", tooth, ANN)
        self.settle()
        assert tooth.state == IN_FORCE

    def day_13(self) -> None:
        """A plugin hangs, and answers nonsense: looked at anew without it."""
        for how, concept in (("hangs", "church"), ("nonsense", "lock")):
            self.fails(how)
            case = self.file(concept, DEE)
            self.settle()
            assert case.state == WAITING
            self.fails("")
            self.decide("retry", case, DEE)
            self.settle()
            assert case.state == IN_FORCE

    def day_14(self) -> None:
        """The wall clock is an hour behind, then an hour ahead again; the daemon starts anew."""
        self.home.set_clock(self.home.offset - HOUR)
        car = self.file("car", OWNER, "licence")
        self.settle()
        self.home.set_clock(self.home.offset + 2 * HOUR)
        self.settle()
        self.home.set_clock(self.home.offset - HOUR)
        self.home.stop()
        self.home.start()
        self.settle()
        assert car.state == IN_FORCE

    def day_16(self) -> None:
        """The fifth on one day waits for somebody else."""
        cases = [self.file(concept, DEE) for concept in MANY]
        self.settle()
        assert [case.state for case in cases] == [*(IN_FORCE,) * 4, WAITING]
        self.decide("reject", cases[-1], ANN)
        self.settle()

    def day_17(self) -> None:
        """A revert is filed, then its forget held: nobody approves until that is released."""
        ghost = self.case("ghost")
        revert = self.revert(ghost, ANN)
        assert revert is not None
        self.settle()
        self.decide("hold", ghost, OWNER)
        self.decide("approve", revert, BOB)
        self.settle()
        assert revert.state == WAITING
        self.decide("release", ghost, OWNER)
        self.decide("approve", revert, BOB)
        self.settle()
        assert ghost.state == "reverted"

    def day_18(self) -> None:
        """What was approved before a retry counts no more."""
        ghost = self.file("ghost", DEE, "court")
        self.settle()
        self.decide("approve", ghost, ANN)
        self.decide("approve", ghost, CYD)
        self.decide("retry", ghost, DEE)
        self.settle()
        self.decide("approve", ghost, BOB)
        self.settle()
        assert ghost.state == WAITING

    def day_19(self) -> None:
        """Now all three have."""
        ghost = self.case("ghost")
        self.decide("approve", ghost, ANN)
        self.decide("approve", ghost, CYD)
        self.settle()
        assert ghost.state == IN_FORCE

    # -- parts

    def lists(
        self, rows: list[tuple[str, str]], bad: str = "", twice: bool = False
    ) -> None:
        """The nightly list comes and is read."""
        self.put_list(rows, bad, twice)
        self.read_list(rows, not bad)

    def fails(self, how: str) -> None:
        """The plugin fails from now on, or is well."""
        self.home.plugin(how or "fine")
        self.rules.failing = "flaky" if how else ""

    def case(self, concept: str) -> Case:
        """The newest forget of a concept."""
        return [c for c in self.rules.all() if c.concept == concept and c.of is None][
            -1
        ]

    def leaving(self, concept: str) -> Case:
        """Its revert, which waits."""
        revert = self.rules.leaving(self.case(concept))
        assert revert is not None, f"{concept} has no open revert"
        return revert


@pytest.mark.slow
def test_a_month_is_as_the_rules_say_and_its_entries_prove_it(story: Story) -> None:
    month = Month(story.home)
    for number in range(LAST_DAY + 1):
        day: Callable[[], None] | None = getattr(month, f"day_{number}", None)
        if number:
            month.pass_time(DAY)
        if day is None:
            month.settle()
        else:
            day()
        month.verify()
    log = story.home.log()
    story.home.stop()
    assert story.home.govd("policy", "replay")["agree"]
    month.verify(by_command=True)
    assert "a bug in govd" not in log
