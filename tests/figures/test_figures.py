"""Figures have labels with units; the page stands alone."""

import io
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest

from physrep.figures.page import (
    Commands,
    Paragraph,
    Picture,
    Section,
    Table,
    compact,
    html_page,
)
from physrep.figures.picture import box_figure
from physrep.figures.plots import energy_figure, parity_figure, temperature_figure, training_figure
from physrep.figures.style import STYLE

RNG = np.random.default_rng(0)
TIMES = np.linspace(0.0, 1.0, 20)
TRACES = {name: (TIMES, 300.0 + RNG.normal(size=20)) for name in ("OpenMM", "ASE")}
NAN = float("nan")


def log_rows(validation=(NAN, 0.2, 0.2, 0.1)) -> list[dict[str, str]]:
    """As csv.DictReader gives them."""
    return [
        {
            "epoch": str(k),
            "train_force_mae_ev_per_a": str(0.5 / (k + 1)),
            "train_energy_mae_mev_per_atom": str(9.0 / (k + 1)),
            "validation_force_mae_ev_per_a": str(value),
            "validation_energy_mae_mev_per_atom": str(10.0 * value),
        }
        for k, value in enumerate(validation)
    ]


def parity(errors=None):
    species = np.array([1] * 6 + [6] * 2 + [8])
    reference = RNG.normal(size=(9, 3))
    return parity_figure(reference, reference + 0.1, species, errors)


def box(pbc=True):
    positions = np.array([[0.2, 0.0, 0.0], [9.2, 0.1, 0.0], [5.0, 5.0, 5.0]])
    cell = 10.0 * np.eye(3) if pbc else np.zeros((3, 3))
    return box_figure(positions, np.array([8, 1, 7]), cell, np.full(3, pbc))


FIGURES = {
    "training": lambda: training_figure(log_rows()),
    "parity": lambda: parity({"force_mae": 0.1, "n_structures": 3}),
    "temperature": lambda: temperature_figure(TRACES, 300.0, 675),
    "energy": lambda: energy_figure(TRACES, 225, "Total energy"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_axes_have_labels_with_units_and_text_fits(name):
    figure = FIGURES[name]()
    figure.draw_without_rendering()  # lays the labels out
    for axes in figure.axes:
        labels = axes.get_xlabel(), axes.get_ylabel()
        assert any("(" in label for label in labels), labels
        assert labels[0]
        for text in (axes.xaxis.label, axes.yaxis.label):
            assert figure.bbox.padded(2).contains(*text.get_window_extent().min), text
            assert figure.bbox.padded(2).contains(*text.get_window_extent().max), text


def test_figures_leave_the_settings_of_matplotlib_alone():
    before = {name: mpl.rcParams[name] for name in STYLE}
    FIGURES["energy"]()
    assert {name: mpl.rcParams[name] for name in STYLE} == before
    assert before["axes.spines.top"] != STYLE["axes.spines.top"]


def test_validation_is_drawn_once_per_validation():
    panel = training_figure(log_rows()).axes[0]
    lines = {line.get_label(): line for line in panel.get_lines()}
    np.testing.assert_array_equal(lines["validation, averaged weights"].get_xdata(), [2, 4])
    training_figure(log_rows(validation=(NAN, NAN)))  # before the first validation
    training_figure([])  # a fit that ended before its first epoch did


def test_parity_shows_the_errors_it_was_given():
    assert parity({"force_mae": 0.123, "other": 1}).get_suptitle() == "force MAE 0.123 eV/Å"
    texts = [text.get_text() for text in parity().axes[1].texts]
    assert len(texts) == 3 and all("0.100" in text for text in texts)
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(1, 3\)"):
        parity_figure(np.zeros((2, 3)), np.zeros((1, 3)), np.array([1, 1]))


@pytest.mark.parametrize("pbc", [True, False])
def test_the_box_has_a_legend_of_elements(pbc):
    legend = box(pbc).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["H", "N", "O"]


class Collector(HTMLParser):
    """All attributes, and whether every element is closed."""

    void = {"meta", "br", "image", "use", "path"}

    def __init__(self) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        if tag not in self.void:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> str:
    blocks = [Picture(make(), f"The {name} <figure>") for name, make in FIGURES.items()]
    blocks += [Picture(box(), "The box", narrow=True), Table(["a", "b"], [["x<y", 1.5]], "c & d")]
    blocks += [Commands(["physrep export a -o b"]), Paragraph("1 < 2")]
    return html_page("A & B", [Section("All", blocks)], ["python", "run me.py"], "What it is.")


def test_the_page_refers_to_nothing_outside(page):
    collected = Collector()
    collected.feed(page)
    assert collected.open == []
    references = [a for a in collected.attributes if a[1] in ("src", "href", "xlink:href")]
    assert references
    assert all(value.startswith(("#", "data:")) for _, _, value in references)
    assert not {tag for tag, _, _ in collected.attributes} & {"script", "link", "iframe"}
    assert "http" not in page and "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def as_tree(element: ET.Element) -> tuple:
    """Names, attributes and text of an element and of all within it; white space is folded."""
    words = {name: value.split() for name, value in element.attrib.items()}
    text = ((element.text or "").split(), (element.tail or "").split())
    return element.tag, words, text, [as_tree(child) for child in element]


@pytest.mark.parametrize("make", FIGURES.values(), ids=FIGURES)
def test_a_compact_drawing_is_the_same_in_fewer_bytes(make):
    stream = io.StringIO()
    make().savefig(stream, format="svg")
    drawn = stream.getvalue()
    short = compact(drawn)
    assert as_tree(ET.fromstring(short)) == as_tree(ET.fromstring(drawn))
    assert "\n" not in short.strip() and len(short) < 0.97 * len(drawn)


def test_names_inside_the_page_do_not_collide(page):
    clips = re.findall(r'<clipPath id="([^"]+)"', page)
    assert clips and len(clips) == len(set(clips))


def test_the_page_is_escaped_themed_and_says_how_it_was_made(page):
    assert "<title>A &amp; B</title>" in page and "c &amp; d" in page and "x&lt;y" in page
    assert "prefers-color-scheme: dark" in page and "currentColor" in page
    assert 'name="viewport"' in page
    assert "python &#39;run me.py&#39;" in page
    assert page.count('role="img"') == page.count("<figure")


def test_a_ragged_table_is_refused():
    with pytest.raises(ValueError, match="has 1 cells, the header 2"):
        Table(["a", "b"], [["x"]])
