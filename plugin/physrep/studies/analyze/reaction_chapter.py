"""The chapter on reactions: events, species over time, lifetimes."""

from collections import Counter
from collections.abc import Mapping

from physrep.analysis.chemistry.events import Reactions
from physrep.figures.event_plots import (
    dissociation_figure,
    events_figure,
    populations_figure,
    survival_figure,
)
from physrep.figures.page import Table
from physrep.studies.analyze.chapter import Chapter, charge_text, counted, sentence
from physrep.studies.analyze.collector import Results

MOST_EVENTS = 40  # in the table; analysis.json holds all
MOST_LIFETIMES = 20


def reaction_chapters(runs: Mapping[str, Results]) -> list[Chapter]:
    """One for each trajectory."""
    return [_chapter(name, one, len(runs)) for name, one in runs.items()]


def _chapter(name: str, results: Results, n_runs: int) -> Chapter:
    heading = "Reactions" if n_runs == 1 else f"Reactions, {name}"
    chapter = Chapter("reactions", heading)
    for found in chapter.answers({name: results.reactions}, "Reactions").values():
        chapter.texts += [_summary(found), sentence(found.note)] if found.note else [
            _summary(found)
        ]  # fmt: skip
        if found.events:
            _add_events(chapter, found)
        chapter.tables.append(_species(found))
    return chapter


def _summary(found: Reactions) -> str:
    kinds = Counter(event.kind for event in found.events)
    what = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    last = {label: float(found.dissociated(label)[-1])
            for label, counts in found.populations.items() if counts[0]}  # fmt: skip
    lost = ", ".join(f"{100 * share:.3g} % of {label}" for label, share in last.items() if share)
    span = f"{found.times[0]:g} to {found.times[-1]:g} ps"
    events = counted(len(found.events), "event")
    return (
        f"{events} from {span}{f': {what}' if what else ''}. Dissociated at the "
        f"end: {lost or 'nothing'}. Bond changes that were undone within "
        f"{1e3 * found.tau:g} fs are rattling and are not counted ({found.n_undone})."
    )


def _add_events(chapter: Chapter, found: Reactions) -> None:
    captions = {
        events_figure: "Events by kind, one mark for each.",
        populations_figure: "Molecules of each species.",
        dissociation_figure: "Share of the initial molecules that are missing.",
    }
    if any(one.ended for one in found.lifetimes.values()):
        captions[survival_figure] = "Survival (Kaplan-Meier) and mean lifetimes, standard error."
    chapter.figures += [(draw(found), caption) for draw, caption in captions.items()]
    shown = found.events[:MOST_EVENTS]
    rows = [
        (f"{e.time:.6g}", e.kind, " ".join(map(str, e.atoms)), e.reaction,
         "" if e.confirmed else "may still be undone")
        for e in shown
    ]  # fmt: skip
    text = f"{len(shown)} of {len(found.events)} events; analysis.json holds all of them." if len(
        shown) < len(found.events) else "All events."  # fmt: skip
    text = f"{text} Atoms are counted from 0; of a transfer: donor, hydrogen, acceptor."
    chapter.tables.append(Table(("time (ps)", "kind", "atoms", "reaction", "note"), rows, text))


def _species(found: Reactions) -> Table:
    order = sorted(found.lifetimes, key=lambda label: -found.lifetimes[label].n)
    rows = []
    for label in order[:MOST_LIFETIMES]:
        one, name, counts = (
            found.lifetimes[label],
            found.names[label],
            found.populations.get(label, [0]),
        )
        if one.mean is None:
            lifetime = f"> {one.longer_than:.3g} (95 %)"
        else:
            lifetime = f"{one.mean:.3g} ± {one.error:.2g}"
        rows.append((label, name.name, charge_text(name.charge), counts[0], counts[-1],
                     f"{one.ended} of {one.n}", lifetime))  # fmt: skip
    more = len(order) - len(rows)
    text = "Species by graph isomorphism; charges are guesses from Lewis structures."
    text += f" {more} rarer ones are in analysis.json." if more > 0 else ""
    columns = ("species", "name", "charge (e)", "start", "end", "ended", "lifetime (ps)")
    return Table(columns, rows, text)
