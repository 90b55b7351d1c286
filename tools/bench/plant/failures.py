"""What breaks in a room, and how it goes on from there."""

from collections.abc import Callable
from dataclasses import dataclass

from tools.bench.plant.rooms import KINDS

HOUR = 3600.0
AJAR = 0.25  # share of what goes through the door when it is wide open
LEAKED = 6 * 24 * HOUR  # s after which no refrigerant is left
BATTERY = 72 * HOUR  # s from the first sag to the end
COMPRESSOR = ("fridge", "walk-in", "freezer", "pharmacy fridge", "wine cellar", "server room")
DOORS = ("fridge", "walk-in", "freezer", "pharmacy fridge", "wine cellar")


@dataclass(frozen=True)
class PlantHealth:
    """How well each part works; all is well by default."""

    cold: float = 1.0  # of the refrigerant
    fan: float = 1.0
    door: float = 0.0  # it is at least so far open
    defrost: bool = True
    heater: float = 1.0
    humidifier: float = 1.0
    fallen: float = 0.0  # share of goods, instead of air, in what the sensor feels
    sag: float = 0.0  # of its battery: 0 new, 1 dead


WELL = PlantHealth()


@dataclass(frozen=True)
class Failure:
    """`health(age)`: s after it began. `hours`: a mail that comes later is too late."""

    name: str
    kinds: tuple[str, ...]
    hours: float
    health: Callable[[float], PlantHealth]


def _for(minutes: float, health: PlantHealth) -> Callable[[float], PlantHealth]:
    return lambda age: health if age < 60 * minutes else WELL


FAILURES = (
    Failure("dead compressor", COMPRESSOR, 12, lambda age: PlantHealth(cold=0)),
    Failure("slow leak", COMPRESSOR, 168, lambda age: PlantHealth(cold=max(0.0, 1 - age / LEAKED))),
    Failure("fan dead", COMPRESSOR, 12, lambda age: PlantHealth(fan=0)),
    Failure("door ajar", DOORS, 2.5, _for(150, PlantHealth(door=AJAR))),
    Failure("door open", DOORS, 1, _for(60, PlantHealth(door=1))),
    Failure("missed defrost", ("walk-in", "freezer"), 96, lambda age: PlantHealth(defrost=False)),
    Failure("heating dead", ("greenhouse",), 24, lambda age: PlantHealth(heater=0)),
    Failure("humidifier dead", ("wine cellar",), 24, lambda age: PlantHealth(humidifier=0)),
    Failure("sensor fallen off", KINDS, 24, lambda age: PlantHealth(fallen=0.85)),
    Failure("battery dies", KINDS, 84, lambda age: PlantHealth(sag=min(1.0, age / BATTERY))),
)
