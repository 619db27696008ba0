"""Draw results/speed.png from results/speed.json: time of one evaluation, one panel for each size.

python benchmarks/figure.py
"""

import json
from pathlib import Path

from matplotlib.figure import Figure

from physrep.figures.style import BLUE, GREY, ORANGE, in_house_style

RESULTS = Path(__file__).resolve().parent / "results"


def color_of(name: str) -> str:
    """Ours blue if fused and orange if not; others grey."""
    if "fused" in name:
        return BLUE
    return ORANGE if "portable" in name or "eager" in name else GREY


@in_house_style
def speed_figure(rows: list[dict], threads: int) -> Figure:
    """ms per evaluation on a logarithmic axis, the fastest at the top."""
    sizes = sorted({row["n_atoms"] for row in rows})
    counts = [sum(row["n_atoms"] == size for row in rows) for size in sizes]
    figure = Figure(figsize=(7.5, 0.9 + 0.3 * sum(counts)), layout="constrained")
    panels = figure.subplots(len(sizes), 1, height_ratios=counts, squeeze=False)[:, 0]
    for axes, size in zip(panels, sizes, strict=True):
        own = sorted((r for r in rows if r["n_atoms"] == size), key=lambda r: -r["ms"])
        names, times = [row["name"] for row in own], [row["ms"] for row in own]
        axes.barh(names, times, color=[color_of(name) for name in names], height=0.7)
        for place, time in enumerate(times):
            axes.annotate(
                f" {time:.0f}" if time >= 100 else f" {time:.3g}", (time, place), va="center"
            )
        axes.set_xscale("log")
        axes.margins(x=0.12)
        axes.set_title(f"{size} atoms")
    panels[-1].set_xlabel(f"energy and forces, ms ({threads} CPU thread{'s' * (threads > 1)})")
    return figure


def draw() -> None:
    """With the largest number of threads measured."""
    rows = json.loads((RESULTS / "speed.json").read_text())["rows"]
    threads = max(row["threads"] for row in rows)
    figure = speed_figure([row for row in rows if row["threads"] == threads], threads)
    figure.savefig(RESULTS / "speed.png")


if __name__ == "__main__":
    draw()
