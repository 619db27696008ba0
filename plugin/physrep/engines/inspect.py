"""What a checkpoint or an exported file holds."""

from pathlib import Path
from typing import Any

from physrep.archive import is_torchscript
from physrep.checkpoint import format_of, load_checkpoint, members_of
from physrep.engines.metadata import read_exported, verdict_line

NESTED_INDENT = "  "


def describe_file(path: str | Path) -> dict[str, Any]:
    """JSON-like description of a checkpoint or an exported file; units eV and A.

    Raises:
        CheckpointError, ExportError: not such a file.
    """
    path = Path(path)
    return _describe_exported(path) if is_torchscript(path) else _describe_checkpoint(path)


def _describe_exported(path: Path) -> dict[str, Any]:
    _, metadata = read_exported(path)
    described = {"kind": "exported file", **metadata.model_dump()}
    described["certificate_verdict"] = metadata.verdict
    return described


def _describe_checkpoint(path: Path) -> dict[str, Any]:
    checkpoint = load_checkpoint(path)
    potential = checkpoint.model
    energies = potential.reference_energies.tolist()
    return {
        "kind": "checkpoint",
        "format_version": format_of(potential),
        "model": checkpoint.model_name,
        "settings": checkpoint.model_settings,
        "species": potential.symbols,
        "cutoff": potential.cutoff,
        "n_layers": potential.n_layers,
        "width": potential.width,
        "n_parameters": sum(p.numel() for p in potential.parameters()),
        "published": potential.published,
        "repulsion": " ".join(one.potential.repulsion_name for one in members_of(checkpoint)),
        "electrostatics": potential.electrostatics_settings,
        "dtype": str(potential.dtype).removeprefix("torch."),
        "reference_energies": dict(zip(potential.symbols, energies, strict=True)),
        "calibration": checkpoint.calibration,
        "training": checkpoint.training,
        "certificate": checkpoint.certificate,
        "certificate_verdict": verdict_line(checkpoint.certificate),
    }


def format_description(described: dict[str, Any], indent: str = "") -> str:
    """The description as text for people, nested parts indented."""
    lines = []
    for name, value in described.items():
        if isinstance(value, dict) and value:
            lines += [f"{indent}{name}:", format_description(value, indent + NESTED_INDENT)]
        else:
            lines.append(f"{indent}{name + ':':{28 - len(indent)}s} {_short(name, value)}")
    return "\n".join(lines)


def _short(name: str, value: Any) -> str:
    if name == "symbols":  # of a whole topology: count them
        counts = {symbol: value.count(symbol) for symbol in sorted(set(value))}
        return " ".join(f"{symbol}{n}" for symbol, n in counts.items())
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    if value is None or value == {}:
        return "none"
    return str(value)
