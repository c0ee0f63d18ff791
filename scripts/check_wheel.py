"""Build the distribution, install the wheel alone in an empty environment, and look at what a user gets.

Checked: the files of the wheel, `py.typed`, the dependencies, ``costrel --help``, that ``costrel explain`` has the
pages of the errors with it, and that ``costrel new`` makes a project whose own tests pass.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command and return what it printed; its failure is ours."""
    result = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def main() -> None:
    """Build, install and try."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", ROOT)
        wheel = next((folder / "dist").glob("*.whl"))
        files = zipfile.ZipFile(wheel).namelist()
        if "costrel/py.typed" not in files:
            sys.exit("the wheel has no py.typed")
        strangers = [file for file in files if not file.startswith(("costrel/", "costrel-"))]
        if strangers:
            sys.exit(f"the wheel has files that do not belong to it: {strangers}")
        environment = folder / "venv"
        venv.create(environment, with_pip=True)
        python = environment / "bin" / "python"
        constraints: list[str | Path] = ["--constraint", ROOT / "constraints.txt"]
        run(python, "-m", "pip", "install", "--quiet", *constraints, wheel)
        declared = {
            requirement.split(">")[0].split(";")[0].strip()
            for requirement in tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
        }
        installed = {line.split("==")[0].lower() for line in run(python, "-m", "pip", "freeze").splitlines()}
        allowed = declared | {"costrel", "costrel @ file", "markupsafe"}
        extra = {entry for entry in installed if not any(entry.startswith(known.lower()) for known in allowed)}
        if extra:
            sys.exit(f"installing the wheel brought more than it declares: {sorted(extra)}")
        if "costrel" not in run(environment / "bin" / "costrel", "--help"):
            sys.exit("`costrel --help` does not speak of costrel")
        codes = sorted(page.stem for page in (ROOT / "docs" / "errors").glob("COS-*.md"))
        unexplained = [code for code in codes if f"costrel/cli/error_pages/{code}.md" not in files]
        if unexplained:
            sys.exit(f"the wheel has no pages for the errors {unexplained}")
        if codes[0] not in run(environment / "bin" / "costrel", "explain", codes[0], cwd=folder):
            sys.exit(f"`costrel explain {codes[0]}` does not print its page")
        run(environment / "bin" / "costrel", "new", "shop", cwd=folder)
        run(python, "-m", "pip", "install", "--quiet", *constraints, "pytest")
        run(python, "-m", "pytest", "-q", cwd=folder / "shop")
    print(f"{wheel.name}: {len(files)} files, {len(declared)} dependencies, `costrel new` passes its own tests")


if __name__ == "__main__":
    main()
