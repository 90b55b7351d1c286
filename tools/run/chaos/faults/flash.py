"""Flash of a board: power that goes in the middle of a write, no room, files that cannot be read, a copy."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from tools.run.chaos.faults.fault import PATIENCE, Harm, Observed, fixed
from tools.run.chaos.world import World

RAM_MS = 1200  # of full flash: RAM holds the readings of this time beside a batch


def by_harness(command: Callable[[Random], str], effect: str) -> Harm:
    """A fault that the board's harness plays on `command`, and that ends by itself."""

    @contextmanager
    def harm(world: World, name: str, random: Random) -> Iterator[Observed]:
        board = world.boards[name]
        before = len(board.history)
        heard = board.tell(command(random), PATIENCE)
        if not effect:
            yield fixed(heard)
            return
        yield lambda: heard and board.history.wait(effect, before, PATIENCE) is not None

    return harm


@contextmanager
def file_unreadable(world: World, name: str, random: Random) -> Iterator[Observed]:
    """EIO for a file of the outbox, for good; the board is switched off and on with it."""
    board = world.boards[name]
    before = len(board.history)
    suffix, how = random.choice((".seg", ".seg", "journal")), random.choice(("open", "read", "stat"))
    heard = board.tell(f"spoil {suffix} {how}", PATIENCE)
    board.power_off()
    board.power_on()
    yield lambda: heard and board.history.wait("unreadable", before, PATIENCE) is not None


@contextmanager
def cloned(world: World, name: str, random: Random) -> Iterator[Observed]:
    """Two boards both say they are this one: the effect is the alarm. The copy is taken away with what it has
    not sent.
    """
    board = world.boards[name]
    board.power_off()
    copy = world.clone(name)
    board.power_on()
    copy.power_on()
    about = {"site": world.site, "device": name, "kind": "claim"}
    try:
        yield lambda: world.reader.database["episodes"].find_one(about) is not None
    finally:
        copy.power_off()


def _tear(random: Random) -> str:
    rubbish = random.choice((0, 0, random.randrange(1, 64)))
    return f"tear {random.randrange(1001)} {rubbish}"


# Of the next write to the outbox a part arrives, sometimes with rubbish behind it.
power_cut_in_write = by_harness(_tear, "torn")
flash_full = by_harness(lambda random: f"full {random.randrange(1, RAM_MS)}", "refused")
