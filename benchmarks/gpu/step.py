"""One step in its own process: step.py NAME OPTIONS. Rows go to stdout as lines of JSON.

A module of steps/ has ``run(options, emit)``: ``emit(row)`` reports a row at once. The last line
on stderr says why a step was skipped or has failed.
"""

import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from kit import EXIT_SKIPPED
from steps.options import Options, Skip


def main(name: str, settings: dict[str, Any]) -> int:
    """Exit code of the step."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # packages and their C++ print what they like

    def emit(row: dict[str, Any]) -> None:
        answers.write(json.dumps(row) + "\n")
        answers.flush()

    end = time.monotonic() + settings.pop("seconds")
    options = Options(**{**settings, "work": Path(settings["work"])}, end=end)
    try:
        importlib.import_module(f"steps.{name}").run(options, emit)
    except Skip as reason:
        print(reason, file=sys.stderr)
        return EXIT_SKIPPED
    except Exception as error:  # whatever it is, the next step is to run
        traceback.print_exc()
        message = " ".join(str(error).strip().splitlines()[-1:])
        print(f"{type(error).__name__}: {message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], json.loads(sys.argv[2])))
