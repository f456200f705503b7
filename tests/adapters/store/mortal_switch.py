"""Carries a verb out in a child that is killed at its Nth moment, for every N there is, and says how each ended.

A moment is before and after every statement, before the commit, and after it. Child N works on `FOLDER/N.db`, its own
copy of the template. Run: `python mortal_switch.py TEMPLATE FOLDER VERB`; prints the children's exit codes.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from sqlalchemy import Engine, event

from phoenix.adapters.store.deployments import SqlDeploymentStore
from phoenix.adapters.store.engine import open_engine

VERBS: dict[str, Callable[[SqlDeploymentStore], None]] = {
    "activate": lambda store: store.activate("local", 3, datetime(2026, 3, 1, 13, tzinfo=UTC)),
    "fail": lambda store: store.fail("local", 2, "guardrail", restored=1),
    "forget": lambda store: store.forget("local"),
}


def kill_at(engine: Engine, moment: int) -> None:
    moments = count(1)

    def pass_by(*_: object) -> None:
        if next(moments) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "after_cursor_execute", "commit", "checkin"):
        event.listen(engine, name, pass_by)


def end_of_child(path: Path, verb: str, moment: int) -> int:
    child = os.fork()
    if child == 0:
        engine = open_engine(f"sqlite:///{path}")
        kill_at(engine, moment)
        VERBS[verb](SqlDeploymentStore(engine))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(template: Path, folder: Path, verb: str) -> None:
    for moment in count(1):
        path = folder / f"{moment}.db"
        shutil.copyfile(template, path)
        code = end_of_child(path, verb, moment)
        print(code, flush=True)
        if code != -signal.SIGKILL:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
