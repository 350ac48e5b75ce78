"""Check the script of the page that explains a translation: ``python -m tests.page_scripts``.

The files become one script and share their names, so the linter reads them as one. What it finds is
reported by file and line.
"""

import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from mt.inspection import page

ROOT = Path(__file__).parents[1]
FOLDER = Path(page.__file__).parent.relative_to(ROOT)


def read_scripts():
    """Return the texts of the script's files by name, in the order in which the page has them."""
    return {name: (ROOT / FOLDER / name).read_text(encoding="utf-8") for name in page._SCRIPTS}


def lint(scripts):
    """Return the exit status of the linter and what it says about texts by file name."""
    lines = [
        (f"{FOLDER / name}:{number}", line)
        for name, text in scripts.items()
        for number, line in enumerate(text.split("\n"), start=1)
    ]
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch, "page.js")
        whole.write_text("\n".join(line for _, line in lines), encoding="utf-8")
        oxlint = Path(sysconfig.get_path("scripts"), "oxlint")
        done = subprocess.run(
            [oxlint, "--config", ROOT / ".oxlintrc.json", "--format", "unix", whole.name],
            cwd=scratch, capture_output=True, text=True, check=False,
        )  # fmt: skip
    said = re.sub(
        rf"^{re.escape(whole.name)}:(\d+)",
        lambda found: lines[int(found[1]) - 1][0],
        done.stdout + done.stderr,
        flags=re.MULTILINE,
    )
    return done.returncode, said


if __name__ == "__main__":
    status, said = lint(read_scripts())
    print(said.strip() or "The script of the page: nothing to mend")  # noqa: T201
    sys.exit(status)
