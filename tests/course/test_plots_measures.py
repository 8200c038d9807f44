"""Notebook 05's figures draw the numbers that they are given, and say what they can't draw."""

from itertools import islice

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.course import plots
from helpers.course.plots import measures
from helpers.search import metrics

mpl.use("Agg")

NAN = float("nan")
LONG = "a name that is far too long for any legend"
MANY = [f"{LONG} {number}" for number in range(20)]


@pytest.fixture(autouse=True)
def own_style():
    """Undo what a test sets, and close its figures."""
    with mpl.rc_context():
        yield
    plt.close("all")


@pytest.fixture
def random():
    return np.random.default_rng(5)


def texts(axis):
    return [text.get_text() for text in axis.texts]


def named(axis):
    """Return {label: line} of what an axis draws as lines."""
    return {line.get_label(): line for line in axis.lines if line.get_label()[0] != "_"}


def row(setting, size, mean, interval=None):
    low, high = interval or (mean - 0.01, mean + 0.02)
    return {"setting": setting, "bytes": size, "map": mean, "map_interval": [low, high]}


# Nothing, and too much


def test_with_nothing_to_draw_a_figure_says_so():
    empty = [
        plots.precision_curves({}),
        plots.precision_curves({"none": np.empty((0, 5)), "unlabelled": np.full((3, 5), NAN)}),
        plots.compared_classes({}, {}, {}, "mAP"),
        plots.confusion(np.zeros((0, 0)), []),
        plots.frontier([]),
        plots.frontier([row("diffusion", 0, 0.9), row("unlabelled", 8, NAN)]),
        plots.recall_latency({"FLAT": []}),
        plots.channel_spread([NAN, 1], [1, NAN]),
    ]
    for figure in empty:
        figure.draw_without_rendering()
        assert texts(figure.axes[0])[-1] == "There is nothing to draw here."


def test_twenty_long_names_leave_room_for_what_they_name(random):
    plots.use_style()
    numbers = dict(zip(MANY, random.random(20), strict=True))
    rows = [row(name, 2**n, n / 20) for n, name in enumerate(MANY)]
    figures = [
        plots.precision_curves({name: random.random((9, 5)) for name in MANY}),
        plots.compared_classes(numbers, numbers, numbers, "mAP"),
        plots.confusion(random.random((20, 20)), MANY),
        plots.frontier(rows),
        plots.recall_latency({name: [(1, 0.5, 0.9), (2, 0.7, 1)] for name in MANY}),
    ]
    for figure in figures:
        figure.draw_without_rendering()
        across = figure.axes[0].get_window_extent().width
        assert across > figure.get_window_extent().width / 3


def test_the_numbers_of_a_logarithmic_axis_are_no_formulas():
    plots.use_style()
    axis = plots.frontier([row("a", 16, 0.5), row("b", 4096, 0.7)]).axes[0]
    axis.figure.draw_without_rendering()
    shown = [label.get_text() for label in axis.get_xticklabels()]
    assert {"64", "256", "1,024"} <= set(shown)
    assert not [text for text in shown if "$" in text]


def test_lines_differ_in_more_than_colour():
    looks = list(islice(measures._looks(), 28))
    assert len({tuple(look.values()) for look in looks}) == 28
    assert len({(look["linestyle"], look["marker"]) for look in looks[:12]}) == 12


# One number per rank or class


def test_curves_are_the_means_in_a_band_that_is_their_interval(random):
    good, poor = random.random((40, 30)) * 0.3 + 0.7, random.random((40, 30)) * 0.5
    good[3] = NAN
    axis = plots.precision_curves({"poor": poor, "good": good}, chance=0.25).axes[0]
    lines = named(axis)
    kept = np.delete(good, 3, axis=0)
    assert lines["good"].get_ydata() == pytest.approx(kept.sum(axis=0) / 39)
    assert list(lines["good"].get_xdata()) == list(range(1, 31))
    assert list(lines["guessing"].get_ydata()) == [0.25, 0.25]
    band = axis.collections[1].get_paths()[0].vertices
    for rank in (1, 30):
        edges = sorted({y for x, y in band if x == rank})
        assert edges == pytest.approx(metrics.interval(kept[:, rank - 1])[1:])
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("rank k", "mean precision@k")


def test_the_legend_is_in_the_order_of_the_lines_ends():
    curves = {name: [[1, end]] for name, end in {"a": 0.2, "b": 0.9, "c": 0.5}.items()}
    axis = plots.precision_curves(curves, chance=0.4).axes[0]
    listed = [text.get_text() for text in axis.get_legend().get_texts()]
    assert listed == ["b", "c", "guessing", "a"]


def test_curves_of_one_query_one_rank_or_different_depths_draw():
    curves = {"one query": [1, 0.5, 1 / 3], "one rank": [[1], [0]], "deep": np.ones((2, 50))}
    figure = plots.precision_curves(curves)
    figure.draw_without_rendering()
    lengths = [len(line.get_xdata()) for line in named(figure.axes[0]).values()]
    assert lengths == [3, 1, 50]


def test_the_class_that_gains_most_is_on_top_and_losses_look_different():
    before = {"bus": 0.5, "cat": 0.6, "dog": 0.4, "old": 0.9}
    after = {"bus": 0.8, "cat": 0.55, "dog": 0.41, "new": 0.3, "cow": NAN}
    figure = plots.compared_classes(before, after, {"cat": 0.2}, "mAP", ("plain", "tuned"))
    axis = figure.axes[0]
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert labels == ["cow", "new", "old", "cat", "dog", "bus"]
    lines = named(axis)
    np.testing.assert_equal(lines["plain"].get_xdata(), [NAN, NAN, 0.9, 0.6, 0.4, 0.5])
    np.testing.assert_equal(lines["tuned"].get_xdata(), [NAN, 0.3, NAN, 0.55, 0.41, 0.8])
    np.testing.assert_equal(lines["guessing"].get_xdata(), [NAN] * 3 + [0.2, NAN, NAN])
    joined = {tuple(line.get_xdata()): line for line in axis.lines if line not in lines.values()}
    assert set(joined) == {(0.6, 0.55), (0.4, 0.41), (0.5, 0.8)}
    loss, gain = joined[0.6, 0.55], joined[0.5, 0.8]
    assert (loss.get_color(), loss.get_linestyle()) == (plots.BAD, "--")
    assert gain.get_linestyle() == "-"
    assert texts(axis) == ["-0.050", "+0.010", "+0.300"]
    assert axis.get_xlabel() == "mAP"


def test_without_chance_none_is_drawn():
    axis = plots.compared_classes({"a": 1}, {"a": 0}, {}, "mAP").axes[0]
    assert set(named(axis)) == {"before", "after"}


def test_confusion_has_queries_in_rows_and_large_shares_written_in():
    table = [[0.9, 0.25, 0.0], [0.01, 1.0, 0.0], [NAN, NAN, NAN]]
    axis = plots.confusion(table, ["bus", "cat", "dog"]).axes[0]
    written = {text.get_position(): text.get_text() for text in axis.texts}
    assert written == {(0, 0): ".90", (1, 0): ".25", (1, 1): "1"}
    np.testing.assert_equal(axis.images[0].get_array().filled(NAN), table)
    assert (axis.images[0].norm.vmin, axis.images[0].norm.vmax) == (0, 1)
    assert axis.get_ylabel() == "class of the query"
    assert axis.get_xlabel() == "label on the hits"
    pale, dark = [text.get_color() for text in axis.texts[:2]]  # on yellow, on dark blue
    assert (pale, dark) == (plots.INK, "white")


# What it costs


def undominated(rows):
    """Return the settings that no other dominates: a loop over all pairs."""
    return {
        one["setting"]
        for one in rows
        if not any(
            other["bytes"] <= one["bytes"]
            and other["map"] >= one["map"]
            and (other["bytes"], other["map"]) != (one["bytes"], one["map"])
            for other in rows
        )
    }


def test_the_frontier_is_what_no_other_setting_beats(random):
    for _ in range(20):
        sizes, means = 2 ** random.integers(3, 12, 20), random.random(20)
        rows = [row(f"s{n}", *each) for n, each in enumerate(zip(sizes, means, strict=True))]
        axis = plots.frontier(rows).axes[0]
        plt.close(axis.figure)
        assert set(texts(axis)) == undominated(rows)


def test_the_frontiers_steps_are_the_best_that_a_budget_buys():
    rows = [row("original", 2048, 0.7), row("half", 1024, 0.8), row("tuned", 256, 0.79),
            row("unnamed", 2048, 0.6), row("no bytes", 0, 0.99), row("NaN", 8, NAN)]  # fmt: skip
    figure = plots.frontier(rows)
    figure.draw_without_rendering()
    axis = figure.axes[0]
    (step,) = [line for line in axis.lines if line.get_drawstyle() == "steps-post"]
    assert step.get_xydata().tolist() == [[256, 0.79], [1024, 0.8], [2048, 0.8]]
    assert sorted(texts(axis)) == ["half", "original", "tuned"]
    assert axis.get_xscale() == "log"


def test_as_good_but_larger_is_not_efficient():
    axis = plots.frontier([row("a", 8, 0.5), row("b", 16, 0.5), row("c", 32, 0.6)]).axes[0]
    assert set(texts(axis)) == {"a", "c"}


def test_the_error_bars_are_the_intervals():
    axis = plots.frontier([row("a", 8, 0.5, (0.4, 0.7)), row("b", 4, 0.6, (NAN, NAN))]).axes[0]
    (bar,) = axis.containers[0].lines[2]
    assert bar.get_segments()[0].tolist() == [[8, pytest.approx(0.4)], [8, pytest.approx(0.7)]]
    plots.frontier([row("rounded past its own mean", 8, 0.5, (0.5001, 0.6))])


def test_an_index_is_a_line_and_a_single_point_a_mark():
    curves = {"IVF": [(1, 0.1, 0.6), (8, 0.4, 0.95)], "FLAT": [("exact", 3.0, 1.0)],
              "empty": [], "unmeasured": [(1, NAN, NAN)]}  # fmt: skip
    figure = plots.recall_latency(curves)
    figure.draw_without_rendering()
    axis = figure.axes[0]
    lines = named(axis)
    assert lines["IVF"].get_xydata().tolist() == [[0.1, 0.6], [0.4, 0.95]]
    assert lines["IVF"].get_linestyle() == "-"
    assert lines["FLAT"].get_linestyle() == "None"
    assert lines["FLAT"].get_marker() != lines["IVF"].get_marker()
    spots = {text.get_text(): text.xy for text in axis.texts if text.get_text() in ("8", "exact")}
    assert spots == {"8": (0.4, 0.95), "exact": (3.0, 1.0)}
    assert "empty" not in lines
    assert (axis.get_xscale(), axis.get_xlabel()) == ("linear", "ms per query")
    assert axis.get_xlim()[0] == 0
    assert axis.get_ylabel() == "recall@10"


def test_parameters_stand_left_of_the_fastest_curve_and_right_of_others():
    slow, fast = [(1, 2.0, 0.6), (2, 4.0, 0.9)], [(3, 1.0, 0.7), (4, 3.0, 0.95)]
    axis = plots.recall_latency({"slow": slow, "fast": fast}).axes[0]
    sides = {text.get_text(): text.get_horizontalalignment() for text in axis.texts}
    assert sides == {"1": "left", "2": "left", "3": "right", "4": "right"}


# What a channel is worth


def test_the_line_is_the_mean_of_each_tenth_of_the_channels(random):
    spread, informative = random.permutation(100) / 100, random.random(100)
    figure = plots.channel_spread(spread, informative, spread**2, "spread", "worth")
    axis, scale = figure.axes
    (line,) = axis.lines
    for tenth, (x, y) in enumerate(line.get_xydata()):
        inside = [i for i in range(100) if tenth <= 10 * spread[i] + 1e-9 < tenth + 1]
        assert len(inside) == 10
        assert x == pytest.approx(sum(spread[inside]) / 10)
        assert y == pytest.approx(sum(informative[inside]) / 10)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("spread", "worth")
    assert scale.get_ylabel() == "weight"


def test_channels_with_nan_are_left_out_and_few_channels_draw():
    figure = plots.channel_spread([0.1, 0.2, NAN, 0.4], [0.5, NAN, 0.1, 0.3])
    figure.draw_without_rendering()
    (axis,) = figure.axes  # no weights, so no colour bar
    assert axis.collections[0].get_offsets().tolist() == [[0.1, 0.5], [0.4, 0.3]]
    assert axis.lines[0].get_xydata().tolist() == [[0.1, 0.5], [0.4, 0.3]]
