"""Autobahn's test suite against our server: about five hundred conversations, good and bad ones.

The suite needs Python 2.7, which is looked for in ``PYTHON27``, on the path and among pyenv's versions, by running what
is found; it is installed into ``.bench/autobahn`` and nowhere else. Without Python 2.7 the command says so and ends
with 0. All sections take half an hour, most of it for compression, and write `docs/reference/conformance.md`.

    python tests/conformance/autobahn.py                    all sections; writes the page
    python tests/conformance/autobahn.py --sections 1-7,10  some of them, in seconds

Ends with 1 when a case of sections 1 to 7 and 10 is FAILED or NON-STRICT, or one of 9, 12 and 13 is FAILED.

Spec: RFC 6455; RFC 7692 for sections 12 and 13.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SUITE = ROOT / ".bench" / "autobahn"
PAGE = ROOT / "docs" / "reference" / "conformance.md"
PACKAGE = "autobahntestsuite==25.10.1"

SECTIONS = {
    1: "frames with text and bytes",
    2: "pings and pongs",
    3: "reserved bits",
    4: "opcodes",
    5: "fragments",
    6: "UTF-8",
    7: "the closing handshake",
    9: "limits and speed",
    10: "automatic fragments",
    12: "compression of many messages",
    13: "parameters of compression",
}
STRICT = {1, 2, 3, 4, 5, 6, 7, 10}
SETTINGS = {"ws-max-message-bytes": "33554432", "ws-max-fragments": "100000", "ws-compression": "deflate"}
BEHAVIOURS = ("OK", "INFORMATIONAL", "NON-STRICT", "UNIMPLEMENTED", "FAILED")

RUN_CLIENT = (
    "import sys; sys.argv = ['wstest', '-m', 'fuzzingclient', '-s', 'client.json']\n"
    "from autobahntestsuite.wstest import run; run()"
)

Report = Mapping[str, Mapping[str, object]]


def main() -> int:
    """Run the suite; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sections", default="", help="for example 1-7,10; all unless given")
    parser.add_argument("--timeout-minutes", type=float, default=120)
    options = parser.parse_args()
    sections = parse_sections(options.sections)
    python = find_python()
    if python is None:
        print("SKIP: Autobahn's test suite runs on Python 2.7, and there is none; PYTHON27 may name one.")
        return 0
    install(python)
    with tempfile.TemporaryDirectory() as folder:
        report = run(python, Path(folder), sections, options.timeout_minutes * 60)
    counts = count(report)
    show(counts, report)
    if set(counts) == set(SECTIONS):
        PAGE.write_text(page_of(counts), "utf-8")
        print(f"written: {PAGE.relative_to(ROOT)}")
    wrong = failures(report)
    print(f"{len(report)} cases, {len(wrong)} wrong" + "".join(f"\n  {case}: {why}" for case, why in wrong.items()))
    return 1 if wrong or set(counts) != sections else 0


def parse_sections(text: str) -> set[int]:
    """Return the sections that a text such as ``1-7,10`` names; all for an empty one."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return (found or set(SECTIONS)) & set(SECTIONS)


def find_python() -> str | None:
    """Return a Python 2.7 that runs."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [os.environ.get("PYTHON27"), shutil.which("python2.7")]
    candidates += [str(path) for path in sorted(pyenv.glob("versions/2.7*/bin/python"))]
    for candidate in filter(None, candidates):
        command = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        try:
            finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if finished.stdout.strip() == "2.7":
            return candidate
    return None


def install(python: str) -> None:
    """Install the suite, unless it is there."""
    stamp = SUITE / "installed"
    if stamp.exists() and stamp.read_text() == PACKAGE:
        return
    print(f"installing {PACKAGE} into {SUITE.relative_to(ROOT)}", flush=True)
    shutil.rmtree(SUITE, ignore_errors=True)
    command = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--target",
        str(SUITE),
        PACKAGE,
    ]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        sys.exit(f"pip could not install {PACKAGE}: {finished.stderr.strip()[-500:]}")
    # Installed this way, its folder of namespaces is no package.
    (SUITE / "zope" / "__init__.py").touch()
    stamp.write_text(PACKAGE)


def run(python: str, folder: Path, sections: set[int], timeout_seconds: float) -> Report:
    """Serve the application, let the suite talk to it, and return what it says of each case."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = [text for name, value in SETTINGS.items() for text in (f"--{name}", value)]
    application = Path(__file__).with_name("autobahn_app.py")
    serve = [sys.executable, "-m", "costrel", "run", str(application), "--port", str(port), "--no-access-log", *flags]
    agent = {"agent": "costrel", "url": f"ws://127.0.0.1:{port}/"}
    wanted = {"outdir": "reports", "servers": [agent], "cases": [f"{number}.*" for number in sorted(sections)]}
    (folder / "client.json").write_text(json.dumps(wanted))
    with (folder / "server.log").open("wb") as log, (folder / "client.log").open("wb") as client_log:
        server = subprocess.Popen(serve, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until_listening(port)
            environment = {**os.environ, "PYTHONPATH": str(SUITE)}
            client = [python, "-c", RUN_CLIENT]
            subprocess.run(
                client, cwd=folder, env=environment, stdout=client_log, stderr=client_log, timeout=timeout_seconds
            )
        finally:
            server.terminate()
            server.wait(30)
    report: dict[str, Report] = json.loads((folder / "reports" / "index.json").read_text())
    return report["costrel"]


def wait_until_listening(port: int) -> None:
    """Wait until the server accepts connections."""
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                sys.exit("the server did not start")
            time.sleep(0.1)
        else:
            return


def count(report: Report) -> dict[int, Counter[str]]:
    """Count the behaviours of each section."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for case, result in report.items():
        counts[int(case.split(".")[0])][str(result["behavior"])] += 1
    return dict(sorted(counts.items()))


def failures(report: Report) -> dict[str, str]:
    """Return the cases that are not as they should be."""
    found = {}
    for case, result in sorted(report.items()):
        for name in ("behavior", "behaviorClose"):
            behaviour = str(result[name])
            is_strict = int(case.split(".")[0]) in STRICT
            if behaviour == "FAILED" or (is_strict and behaviour == "NON-STRICT"):
                found[case] = f"{name} is {behaviour}"
    return found


def rows_of(counts: Mapping[int, Counter[str]]) -> Iterator[tuple[str, ...]]:
    """Yield number, name and counts of each section."""
    for section, behaviours in counts.items():
        yield str(section), SECTIONS[section], *(str(behaviours[name]) for name in BEHAVIOURS)


def show(counts: Mapping[int, Counter[str]], report: Report) -> None:
    """Print the table."""
    for row in rows_of(counts):
        print(f"{row[0]:>3}  {row[1]:30}" + "".join(f"{cell:>15}" for cell in row[2:]))
    print(f"{'':35}" + "".join(f"{name:>15}" for name in BEHAVIOURS))


def page_of(counts: Mapping[int, Counter[str]]) -> str:
    """Return the page."""
    head = ("Section", "What it is about", *BEHAVIOURS)
    lines = ["| " + " | ".join(head) + " |", "|---|---|" + "--:|" * len(BEHAVIOURS)]
    lines += ["| " + " | ".join(row) + " |" for row in rows_of(counts)]
    table = "\n".join(lines)
    options = " ".join(f"--{name} {value}" for name, value in SETTINGS.items())
    return f"""# Conformance

<!-- Made by tests/conformance/autobahn.py; run `make autobahn`. -->

## WebSocket

[Autobahn|Testsuite](https://github.com/crossbario/autobahn-testsuite) ({PACKAGE.replace("==", " ")}) holds these
conversations with the native server, which runs with `{options}` and is otherwise as it comes.

{table}

INFORMATIONAL cases have no right or wrong answer. What the limits do when they are not raised for the suite has tests
of its own: see the settings `ws_…` in [Settings](settings.md).
"""


if __name__ == "__main__":
    sys.exit(main())
