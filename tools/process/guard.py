"""Run a command that cannot outlive its parent: `python -I -S guard.py PIPE_FD COMMAND…`.

The parent keeps the write end of the pipe and nothing else does. When that end closes, because the parent let
go or because it was killed with SIGKILL, a watcher ends the command's whole process group. It is the same on
Linux and macOS, and there is no moment at which a child runs unwatched: the watcher is there before the
command is.
"""

import os
import signal
import sys
import time

GRACE_SECONDS = 8.0


def group_runs(group: int) -> bool:
    """Whether a process of the group still runs. A zombie does not count: its parent must collect it, and the
    first process of a container may do so late or never.
    """
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS raises this for a group of zombies
        return False
    if not os.path.exists("/proc/self/stat"):
        return True
    return any(state not in b"ZX" for state in states(group))


def states(group: int) -> list[bytes]:
    """One letter for each process of the group, as Linux has them in /proc."""
    states_of_all = []
    for name in os.listdir("/proc"):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b") ")[2].split()  # after the name, which may hold any text
        except OSError:
            continue  # no process, or one that has just ended
        if len(fields) > 2 and fields[2] == b"%d" % group:
            states_of_all.append(fields[0])
    return states_of_all


def end_group(group: int) -> None:
    """Ask with SIGTERM, wake what is stopped, then insist."""
    try:
        os.killpg(group, signal.SIGTERM)
        os.killpg(group, signal.SIGCONT)
        deadline = time.monotonic() + GRACE_SECONDS
        while group_runs(group) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def watch(pipe: int, group: int) -> None:
    os.setsid()  # out of the group that it may have to end
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # or a reader of the command's output would wait for us
        os.dup2(nowhere, stream)
    os.closerange(3, pipe)  # nor may we hold other pipes of the command open
    os.closerange(pipe + 1, 256)
    while os.read(pipe, 1):
        pass
    end_group(group)


def main() -> None:
    pipe, command = int(sys.argv[1]), sys.argv[2:]
    group = os.getpid()  # the parent started us in a session of our own
    middle = os.fork()
    if middle == 0:
        if os.fork() == 0:  # twice, so that the command never meets a child that is not its own
            watch(pipe, group)
        os._exit(0)
    os.waitpid(middle, 0)
    os.close(pipe)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
