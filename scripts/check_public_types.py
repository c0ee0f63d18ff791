"""Ask the type checker whether every public name is completely typed: ``basedpyright --verifytypes``.

It looks at the installed package, so the front door and every room's door count. Anything unknown or partly unknown
fails; so does a public name that the report calls ambiguous.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def main() -> int:
    """Run the check and print what is missing."""
    tool = Path(sys.executable).with_name("basedpyright")
    command = [str(tool), "--verifytypes", "costrel", "--ignoreexternal", "--outputjson"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    report = json.loads(result.stdout)["typeCompleteness"]
    bad = [symbol for symbol in report["symbols"] if symbol["isExported"] and not symbol["isTypeKnown"]]
    for symbol in bad[:40]:
        print(symbol["name"])
        for diagnostic in symbol.get("diagnostics", ())[:2]:
            print(f"    {diagnostic['message'].splitlines()[0]}")
    print(f"{report['completenessScore']:.1%} of the public names are completely typed; {len(bad)} are not")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
