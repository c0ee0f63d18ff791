"""Ask the type checker whether every public name is completely typed: ``basedpyright --verifytypes``.

It looks at the installed package, so the front door and every room's door count. Anything unknown or partly unknown
fails; so does a public name that the report calls ambiguous.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Run the check and print what is missing."""
    folder = Path(sys.executable).parent
    command = [str(folder / "basedpyright"), "--verifytypes", "costrel", "--ignoreexternal", "--outputjson"]
    # `--verifytypes` looks at the interpreter that it finds on PATH, whatever `--pythonpath` says.
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    report = json.loads(result.stdout)["typeCompleteness"]
    bad = [symbol for symbol in report["symbols"] if symbol["isExported"] and not symbol["isTypeKnown"]]
    for symbol in bad[:40]:
        print(symbol["name"])
        for diagnostic in symbol.get("diagnostics", ())[:2]:
            print(f"    {diagnostic['message'].splitlines()[0]}")
    if not report["symbols"]:
        print("the type checker found no package to look at")
        return 1
    print(f"{report['completenessScore']:.1%} of the public names are completely typed; {len(bad)} are not")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
