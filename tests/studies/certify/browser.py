"""A page in headless Chromium: what it says on the console, fetches, and shows."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--enable-logging=stderr",
    "--v=0",
)
# Put into a copy of the page: what it looks like is written where --dump-dom shows it.
MEASURE = """<script>addEventListener("load", () => {
  const boxes = [...document.querySelectorAll("figure svg")].map(e => e.getBoundingClientRect());
  const marks = [...document.querySelectorAll("figure svg")].map(e =>
    [...e.querySelectorAll("path")].filter(p => p.getBoundingClientRect().width > 0).length);
  document.body.dataset.seen = JSON.stringify({
    figures: boxes.map((b, k) => [b.width, b.height, marks[k]]),
    requests: performance.getEntriesByType("resource").map(e => e.name),
    width: innerWidth, scrolls: document.documentElement.scrollWidth,
    background: getComputedStyle(document.body).backgroundColor});
});</script>"""


class Seen(NamedTuple):
    """console: its lines; requests: addresses that the page asked for; figures:
    (width, height, visible marks) of each, pixels; width: of the window; scrolls: of the page;
    background: CSS colour."""

    console: list[str]
    requests: list[str]
    figures: list[tuple[float, float, int]]
    width: int
    scrolls: int
    background: str


def opened(page: Path, folder: Path, width: int = 1000, dark: bool = False) -> Seen:
    """Open a page; folder: for the browser's own files."""
    copy = folder / "page.html"
    copy.write_text(page.read_text().replace("</head>", f"{MEASURE}</head>"))
    command = [CHROMIUM, *OPTIONS, f"--user-data-dir={folder / 'profile'}"]
    command += [f"--window-size={width},2000"]
    # The preference of the user; --force-dark-mode alone does not reach pages without a window.
    command += ["--blink-settings=preferredColorScheme=0"] if dark else []
    done = subprocess.run(
        [*command, "--dump-dom", copy.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found = re.search(r'data-seen="([^"]*)"', done.stdout)
    assert found, f"the page did not load: {done.stderr[-2000:]}"
    seen = json.loads(found[1].replace("&quot;", '"'))
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    figures = [tuple(one) for one in seen["figures"]]
    return Seen(
        console, seen["requests"], figures, seen["width"], seen["scrolls"], seen["background"]
    )
