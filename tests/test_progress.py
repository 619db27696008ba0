"""Progress in a log file: whole lines, seldom, with the time that is left."""

import time

import pytest

from physrep import progress as module
from physrep.progress import PartsProgress, in_words, plural, progress, progress_line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0123, "0.012 s"), (40.2, "40 s"), (170.0, "3 min"), (9000.0, "2.5 h")],
)
def test_durations_have_the_unit_that_suits_them(seconds, words):
    assert in_words(seconds) == words


def test_lines_say_what_is_left():
    assert progress_line(40, 200, 48.0, "frame") == "40 of 200 frames, 1.2 s each, 3 min left"
    assert progress_line(200, 200, 240.0, "frame") == "200 of 200 frames, 1.2 s each, done"
    assert progress_line(3, None, 6.0, "molecule") == "3 molecules, 2 s each"
    assert (plural("frame", 1), plural("batch", 2)) == ("frame", "batches")


def test_a_file_gets_a_line_in_thirty_seconds_and_one_at_the_end(monkeypatch, capsys):
    clock = iter(10.0 * k for k in range(100))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(clock))
    assert list(progress(range(7), "label", "frame")) == list(range(7))
    assert capsys.readouterr().err.splitlines() == [
        "label: 3 of 7 frames, 10 s each, 40 s left",
        "label: 6 of 7 frames, 10 s each, 10 s left",
        "label: 7 of 7 frames, 10 s each, done",
    ]


def test_short_work_leaves_no_line(capsys):
    assert list(progress(iter("abc"), "label", "frame", 3)) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""


def test_long_parts_are_named_when_they_begin(capsys):
    with PartsProgress("certify", 2) as shown:
        shown.begin("smoothness")
        shown.finish()
        shown.begin("survival")
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("certify: smoothness; 0 of 2 parts done, ")
    assert second.startswith("certify: survival; 1 of 2 parts done, ")


def test_a_long_part_is_never_silent(monkeypatch, capsys):
    monkeypatch.setattr(module, "SECONDS_BETWEEN_SIGNS", 0.02)
    with PartsProgress("certify", 2) as shown:
        shown.begin("survival")
        time.sleep(0.2)
    said = capsys.readouterr().err.splitlines()
    assert len(said) >= 3
    assert all(line.startswith("certify: still survival; 0 of 2 parts done, ") for line in said[1:])
