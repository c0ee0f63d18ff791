"""One process of `costrel run --workers N`: it imports the application and serves it until its supervisor says stop."""

from __future__ import annotations

import dataclasses
import faulthandler
import sys

from costrel.cli.plan import ServePlan
from costrel.cli.serving import describe_failure, exit_code_of, load_for, serve_app
from costrel.server import WorkerSeat

__all__ = ["main"]


def main(line: int, sockets: list[int]) -> int:
    """Serve what the supervisor asks for.

    Args:
        line: the number of the line to the supervisor.
        sockets: the numbers of the listening sockets.

    Returns:
        The exit code.
    """
    try:
        seat = WorkerSeat(line, sockets)
    except EOFError:
        return 0
    plan = ServePlan.from_json(seat.brief)
    sys.argv[:] = ["costrel", "run"]
    # The supervisor aborts a worker that hangs, and this shows where it does.
    faulthandler.enable()
    try:
        app = load_for(plan)
        app.build()
    except Exception as error:
        exit_code = exit_code_of(error)
        seat.tell_failure(exit_code, describe_failure(error))
        return exit_code
    seat.details = {"threads": app.settings.threads, "debug": app.debug}
    exit_code, failure = serve_app(app, dataclasses.replace(plan, debug=app.debug), lambda _: None, seat)
    if failure is not None:
        seat.tell_failure(exit_code, describe_failure(failure))
    return exit_code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), [int(number) for number in sys.argv[2].split(",")]))
