"""How the workers of a run share the tests: some compute, the others wait for real parts.

Most of a run is waiting: a board starts for two seconds, a broker forgets a client after ten. So there are
more workers than cores. One a core takes what computes, at a lower priority: a test that counts seconds
beside it finds a machine that is as good as idle. The others take what waits, and know of nothing else,
because to import every test costs a worker ten seconds.
"""

import os
import re

COMPUTING = min(os.cpu_count() or 1, 4)  # workers
OTHERS = 3  # workers; with more, parts that train a model or start a browser starve each other
NICENESS = 5  # of those: a third of the time that the others get
# By path from tests/, its beginning is enough. These start real parts and wait for them:
WAITING = tuple(
    "e2e/ board/ link/ deploy/ docs/test_secrets cloud/ingest/ cloud/whole/ cloud/updates/ cloud/test_doctor"
    " cloud/learning/test_loop tools/local/ tools/test_child tools/virtual_board/".split()
)
BROWSER = ("_browser.py", "_accessible.py", "_access.py")
HEAVY = "heavy"  # the scope of what leaves no machine for another of its kind
# Here each test is a world of its own, so that another worker may take the next one.
ALONE = tuple(
    "e2e/ board/ interpreters/ link/ deploy/ docs/test_secrets cloud/test_doctor cloud/whole/test_backend"
    " cloud/whole/test_health".split()
)
# These take longest and begin first, in this order; the rest follows in the order of the files:
FIRST = (
    "e2e/test_one_click e2e/test_chaos heavy cloud/learning/ e2e/ board/test_re board/test_over"
    " cloud/whole/ board/cable/test_esptool board/ deploy/ interpreters/"
    " cloud/training/ dashboard/"
).split()


def scope(nodeid):
    """Tests of one scope run in one worker, one after the other: those of a file; those that need HiveMQ or
    the browser, each of which is then started once; or a test alone."""
    file, _, test = nodeid.removeprefix("tests/").partition("::")
    if "hivemq" in re.split(r"[][-]", test) and not file.startswith("e2e/"):
        return HEAVY
    if file.endswith(BROWSER):
        return HEAVY
    return f"{file}::{test}" if file.startswith(ALONE) else file


def waits(scope):
    return scope == HEAVY or waits_in(scope.partition("::")[0])


def waits_in(file):
    return file.startswith(WAITING) or file.endswith(BROWSER)


def rank(nodeid):
    place = scope(nodeid)
    return next((number for number, first in enumerate(FIRST) if place.startswith(first)), len(FIRST))


def computes(worker):
    """Whether the worker of this name ("gw0", "gw1", …) takes what computes, and in the end what is left."""
    return int(worker.removeprefix("gw")) < COMPUTING


def scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling  # only a run with workers needs it

    class Sharing(LoadScopeScheduling):
        """Gives each worker the first scope that is for it."""

        def _split_scope(self, nodeid):
            return scope(nodeid)

        def _next(self, node):
            """The scope that `node` shall take now, None when there is none."""
            computing = computes(node.gateway.id)
            own = (place for place in self.workqueue if waits(place) != computing)
            return next(own, next(iter(self.workqueue), None) if computing else None)

        def _assign_work_unit(self, node):
            if (place := self._next(node)) is None:
                node.shutdown()
            else:
                self.workqueue.move_to_end(place, last=False)
                super()._assign_work_unit(node)

        def _reschedule(self, node):
            if not node.shutting_down and self._next(node) is None:
                node.shutdown()
            else:
                super()._reschedule(node)

        def add_node_collection(self, node, collection):
            self.registered_collections[node] = list(collection)

        def _check_nodes_have_same_collection(self):
            """They have not; from here on the fullest one comes first, which is taken for all tests."""
            fullest = sorted(self.registered_collections.items(), key=lambda item: -len(item[1]))
            self.registered_collections = dict(fullest)
            return True

    return Sharing(config, log)
