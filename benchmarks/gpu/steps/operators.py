"""The tests of the operators on the real device."""

import re
import subprocess
import sys

from steps.options import ROOT, Emit, Options, Skip

TESTS = "tests/ops/test_cuda_device.py"


def run(options: Options, emit: Emit) -> None:
    """A row for each failed test, and one with the counts.

    Raises:
        Skip: all were skipped. RuntimeError: some failed.
    """
    command = [sys.executable, "-m", "pytest", TESTS, "-q", "-rfEs", "-p", "no:cacheprovider"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as tests:
        output = ""
        assert tests.stdout is not None  # it is a pipe
        for line in tests.stdout:
            output += line
            print(line, end="")
            if line.startswith(("FAILED", "ERROR")):
                emit({"test": line.split(" - ")[0].strip(), "error": line.strip()[-200:]})
    numbers = counts(output)
    emit({"test": "all", **numbers})
    if tests.returncode not in (0, 5) or numbers.get("failed") or numbers.get("error"):
        raise RuntimeError(f"{numbers or 'pytest did not run'}")
    if not numbers.get("passed"):
        reasons = re.findall(r"^SKIPPED.*?: (.*)$", output, re.MULTILINE)
        raise Skip(reasons[0] if reasons else "no test ran")


def counts(output: str) -> dict[str, int]:
    """passed, failed, skipped, error of pytest's last line."""
    summary = output.strip().splitlines()[-1] if output.strip() else ""
    found = re.findall(r"(\d+) (passed|failed|skipped|error)", summary)
    return {word: int(number) for number, word in found}
