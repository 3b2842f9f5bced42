import math

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from verify import Claim, Every, Figure, Formula, Theorem
from verify.report import figures

from . import fake

KINDS = fake.THEOREM.figures


def texts(fig):
    from matplotlib.text import Text

    return [t.get_text() for t in fig.findobj(Text)]


@pytest.mark.parametrize("figure", KINDS, ids=lambda f: f.name)
def test_every_kind_is_drawn_small_and_with_equal_bytes(figure, tmp_path):
    data = fake.evidence(400).figures[figure.name]
    paths = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for path in paths:
        figures.save(figures.draw(figure, fake.THEOREM, data), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].stat().st_size < 200_000
    assert b"<svg" in paths[0].read_bytes()
    assert b"<dc:date>" not in paths[0].read_bytes()
    assert b"<text" not in paths[0].read_bytes()  # letters are paths: no font is needed to render them


def test_a_reader_finds_labels_the_diagonal_and_what_is_missing():
    fig = figures.draw(KINDS[0], fake.THEOREM, fake.evidence(20).figures["cloud"])
    (ax,) = fig.axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("bound", "error (distance)")
    assert {"measured = bound", "violates the claim", *fake.THEOREM.families} <= set(texts(fig))
    assert any(text.startswith("0, or below") for text in texts(fig))
    assert "2 of 103 are NaN or infinite and are not drawn" in texts(fig)


def points(fig):
    return [tuple(xy) for ax in fig.axes for c in ax.collections for xy in c.get_offsets() if tuple(xy) != (0.0, 0.0)]


def test_no_finite_point_is_dropped():
    rows = [[0, 0, 0.0, 1.0], [1, 0, -3.0, 0.0], [2, 0, 0.5, 1.0], [3, 0, math.nan, 1.0], [4, 0, 1.0, math.inf]]
    drawn = points(figures.draw(KINDS[0], fake.THEOREM, {"random": rows}))
    assert len(drawn) == 3
    assert all(x > 0 and y > 0 for x, y in drawn)
    assert (1.0, 0.5) in drawn


def test_dense_clouds_keep_every_point():
    data = fake.evidence(400).figures["cloud"]
    assert len(points(figures.draw(KINDS[0], fake.THEOREM, data))) == 5 * 400 + 1


def test_columns_of_a_discrete_quantity_do_not_mix():
    drawn = points(figures.draw(KINDS[2], fake.THEOREM, fake.evidence(400).figures["ratio"]))
    assert len(drawn) == 2 * 5 * 400
    assert {round(x) for x, _ in drawn} == set(range(1, 9))
    assert all(abs(x - round(x)) < 0.4 for x, _ in drawn)


def test_the_forbidden_side_follows_the_relation():
    def shaded(relation):
        claim = Claim("c", Every(), "error", Formula("size"), relation=relation)
        figure = Figure("f", "cloud", ("c",), "", "x", "y")
        theorem = Theorem("t", "t", fake.Params, fake.sample, dict, dict, {"random": ""}, (claim,), ())
        fig = figures.draw(figure, theorem, {"random": [[0, 0, 2.0, 1.0], [1, 0, 1.0, 4.0]]})
        path = next((c.get_paths()[0] for c in fig.axes[0].collections if not len(c.get_offsets().nonzero()[0])), None)
        return [path is not None and bool(path.contains_point(p)) for p in ((1.0, 3.0), (3.0, 1.0))]

    assert shaded("<=") == [True, False]
    assert shaded(">=") == [False, True]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 5e-324, 1.7e308, math.inf, math.nan])
def test_extreme_numbers_are_drawn_on_every_kind(value, tmp_path):
    line = [1.0, value, 2.0]
    record = {"ratio": 1.0, "instance": 0, "steps": [0, 1, 2]}
    record["measured"] = record["bound"] = dict.fromkeys(KINDS[4].claims, line)
    pair, ladder = [[0, 0, value, value]], [[n, 0, x, value, value] for n, x in enumerate((1.0, 2.0, 3.0, value))]
    cells = [[n, 0, x, value, value, value] for n, x in enumerate((1.0, 2.0, value))]
    for figure, data in zip((KINDS[0], *KINDS[3:]), (pair, pair, record, ladder, cells), strict=True):
        fig = figures.draw(figure, fake.THEOREM, {"random": data})
        figures.save(fig, tmp_path / "x.svg")


def test_a_figure_without_data_is_refused():
    with pytest.raises(ValueError, match="nothing was recorded"):
        figures.draw(KINDS[0], fake.THEOREM, {"random": []})


def test_names_are_shown_as_written_and_mathematics_is_set(tmp_path):
    figure = Figure("f", "cloud", ("contraction",), "", r"price $5 and $`\rho_t`$ and $`\broken{`$", "y")
    fig = figures.draw(figure, fake.THEOREM, {"random": [[0, 0, 1.0, 2.0]]})
    assert fig.axes[0].get_xlabel() == r"price \$5 and $\rho_t$ and \broken{"
    figures.save(fig, tmp_path / "x.svg")


def test_the_readers_own_settings_do_not_matter(tmp_path):
    data = fake.evidence(20).figures["cloud"]
    figures.save(figures.draw(KINDS[0], fake.THEOREM, data), tmp_path / "a.svg")
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9}):
        figures.save(figures.draw(KINDS[0], fake.THEOREM, data), tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_more_series_than_colours_stay_distinct():
    assert len({figures._look(n) for n in range(49)}) == 49


# ------------------------------------------------------------------------------------------ ladders


def ladder(rows, *claims):
    figure = Figure("f", "ladder", claims or ("contraction",), "", "n", "error", against="n")
    return figures.draw(figure, fake.THEOREM, rows if isinstance(rows, dict) else {"random": rows})


def line(fig, label):
    """The points of the series whose name in the legend starts so."""
    (found,) = [a for a in fig.axes[0].lines if a.get_label().startswith(label)]
    return [tuple(map(float, xy)) for xy in found.get_xydata()]


def legend(fig):
    return [text.get_text() for text in fig.legends[0].get_texts()]


def test_a_rung_is_the_mean_over_all_families_with_its_range():
    rows = {"random": [[0, 0, 2.0, 1.0, 4.0], [1, 0, 4.0, 1.0, 8.0]], "noisy": [[0, 0, 2.0, 3.0, 6.0]]}
    fig = ladder(rows)
    assert line(fig, "measured") == [(2.0, 2.0), (4.0, 1.0)]
    assert line(fig, "bound: contraction") == [(2.0, 5.0), (4.0, 8.0)]
    bars = [segment.tolist() for c in fig.axes[0].collections for segment in c.get_segments()]
    assert np.allclose(bars, [[[2.0, 1.0], [2.0, 3.0]], [[4.0, 1.0], [4.0, 1.0]]])
    assert all("no slope" in words for words in legend(fig))


def test_the_legend_says_the_slopes_with_their_intervals():
    from scipy.stats import linregress, t

    x = [2.0, 4.0, 8.0, 16.0, 32.0]
    y = [3 * v**0.5 * factor for v, factor in zip(x, (1.1, 0.9, 1.05, 1.0, 0.93), strict=True)]
    fig = ladder([[n, 0, *pair, 7 * pair[0] ** 0.75] for n, pair in enumerate(zip(x, y, strict=True))])
    fit = linregress(np.log(x), np.log(y))
    half = fit.stderr * t.ppf(0.975, 3)
    assert legend(fig) == [
        f"measured, mean and range: slope {fit.slope:.3g}, 95% in [{fit.slope - half:.3g}, {fit.slope + half:.3g}]",
        "bound: contraction: slope 0.75, 95% in [0.75, 0.75]",
    ]


def test_rungs_of_equal_numbers_are_drawn():
    fig = ladder([[n, 0, x, 0.1, 0.3] for n in range(10) for x in (1.0, 2.0, 4.0, 8.0)])
    assert legend(fig) == [
        "measured, mean and range: slope 0, 95% in [0, 0]",
        "bound: contraction: slope 0, 95% in [0, 0]",
    ]


def test_what_a_logarithm_cannot_take_stands_at_the_floor_and_off_the_line():
    x = [0.0, 1.0, 2.0, 4.0, 8.0]
    y = [5.0, 1.0, 2.0, 4.0, 0.0]
    fig = ladder([[n, 0, *pair, 9.0] for n, pair in enumerate(zip(x, y, strict=True))])
    assert "slope 1 over 3 of 5 points" in legend(fig)[0]
    drawn = line(fig, "measured")
    assert len(drawn) == 5
    assert all(value > 0 for point in drawn for value in point)
    assert sum(text.startswith("0, or below") for text in texts(fig)) == 2


def test_claims_that_measured_the_same_share_its_points():
    names = ("contraction", "often")
    same = [[0, n, x, x, 2 * x] for x in (1.0, 2.0, 4.0) for n in range(2)]
    assert [words.split(":")[0] for words in legend(ladder(same, *names))] == [
        "measured, mean and range",
        "bound",
        "bound",
    ]
    other = [[0, n, x, x + n, 2 * x] for x in (1.0, 2.0, 4.0) for n in range(2)]
    assert [words.split(",")[0] for words in legend(ladder(other, *names))[:2]] == [
        "measured: contraction",
        "measured: often",
    ]


def test_a_quantity_of_many_values_has_few_rungs(tmp_path):
    rng = np.random.default_rng(0)
    x = np.exp(rng.uniform(0, 6, 2000))
    fig = ladder([[n, 0, float(v), float(v) ** 0.5, 9.0] for n, v in enumerate(x)])
    assert 15 < len(line(fig, "measured")) <= figures.CELLS
    assert "slope 0.5," in legend(fig)[0]
    figures.save(fig, tmp_path / "x.svg")
    assert (tmp_path / "x.svg").stat().st_size < 200_000


# ------------------------------------------------------------------------------------------ heat maps


def heat(rows):
    figure = Figure("f", "heat", ("contraction",), "", "k", "m", against="k", across="m")
    return figures.draw(figure, fake.THEOREM, {"random": rows})


def test_a_cell_is_the_mean_of_what_was_measured_and_an_empty_one_is_hatched():
    measured = [(1.0, 5.0, 0.2, 6.0), (1.0, 5.0, 0.4, 7.0), (1.0, 8.0, 0.6, 8.0), (3.0, 5.0, 1.0, 9.0)]
    fig = heat([[n, 0, *row] for n, row in enumerate(measured)])
    ax, bar = fig.axes
    (mesh,) = [c for c in ax.collections if c.get_array() is not None]
    assert np.allclose(mesh.get_array().filled(-1), [[0.3, 1.0], [0.6, -1]])
    assert mesh.get_cmap().name == "cividis"
    assert line(fig, "bound: contraction") == [(1.0, 7.0), (3.0, 9.0)]
    assert ax.patch.get_hatch()
    assert legend(fig) == ["no instance", "bound: contraction"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("k", "m")
    assert bar.get_ylabel() == r"mean of $\|h_t\|$, error"


def test_a_full_map_has_no_hatch():
    fig = heat([[0, 0, 1.0, 5.0, 0.2, 6.0], [1, 0, 2.0, 5.0, 0.4, 5.0]])
    assert not fig.axes[0].patch.get_hatch()
    assert legend(fig) == ["bound: contraction"]


def test_a_bound_beyond_the_map_or_not_finite_is_said():
    fig = heat([[n, 0, float(n), m, 0.5, b] for n, b in enumerate((4.0, 99.0, math.inf, 6.0)) for m in (3.0, 7.0)])
    assert legend(fig) == ["bound: contraction, shown at 2 of 4 columns"]
    assert [math.isnan(y) for _, y in line(fig, "bound")] == [False, False, True, False]


def test_decades_get_logarithmic_axes_and_colours():
    values = (1.0, 10.0, 100.0, 1000.0)
    fig = heat([[0, 0, x, y, 1 / x, y] for x in values for y in (1.0, 2.0)])
    assert (fig.axes[0].get_xscale(), fig.axes[0].get_yscale()) == ("log", "linear")
    assert type(fig.axes[0].collections[0].norm).__name__ == "LogNorm"


@pytest.mark.parametrize("count", [22, 40, 200])
def test_maps_of_many_cells_stay_small(count, tmp_path):
    rng = np.random.default_rng(count)
    values = rng.random((count, count)).tolist()
    rows = [[0, 0, float(i), float(j), values[i][j], float(i)] for i in range(count) for j in range(count)]
    figures.save(heat(rows), tmp_path / "x.svg")
    assert (tmp_path / "x.svg").stat().st_size < 200_000


@given(st.sets(st.integers(-(10**6), 10**6), min_size=1, max_size=60), st.booleans())
def test_every_value_is_in_its_cell(values, log):
    ordered = sorted(math.exp(v / 1e5) if log else float(v) for v in values)
    edges = figures._edges(ordered, log)
    cells = [figures._cell(edges, v) for v in ordered]
    for number, value in zip(cells, ordered, strict=True):
        low, high = edges[number : number + 2]
        assert low <= value <= high or math.isclose(value, low) or math.isclose(value, high)
    if len(ordered) <= figures.FEW:
        assert cells == list(range(len(ordered)))
    assert len(edges) == (len(ordered) if len(ordered) <= figures.FEW else figures.CELLS) + 1


SQUARE = {
    "box": [0.0, 2.0],
    "colour": "active neurons",
    "cells": [[1, [0, 0, 2, 0, 2, 1, 0, 1]], [2, [0, 1, 2, 1, 1, 2]]],
}


def test_a_map_shows_every_polygon_in_a_panel_for_each_record(tmp_path):
    from matplotlib.collections import PolyCollection

    figure = Figure("map", "map", (), "regions", x="first input", y="second input")
    plain = {**SQUARE, "colour": ""}
    fig = figures.draw(figure, fake.THEOREM, {"after layer 1": SQUARE, "linear": plain})
    panels = [ax for ax in fig.axes if ax.get_title()]
    assert [ax.get_title() for ax in panels] == ["after layer 1", "linear"]
    for ax in panels:
        (mesh,) = ax.findobj(PolyCollection)
        assert len(mesh.get_paths()) == 2
        assert (*ax.get_xlim(), *ax.get_ylim()) == (0, 2, 0, 2)
    assert texts(fig).count("active neurons") == 1  # a colour bar only where the colours mean something
    figures.save(fig, tmp_path / "map.svg")
    assert (tmp_path / "map.svg").stat().st_size < 200_000


def test_a_map_has_lines_and_marks_over_its_polygons():
    circle = [round(f(t / 10) * 0.5 + 1, 3) for t in range(64) for f in (math.cos, math.sin)]
    record = {**SQUARE, "lines": [["true margin", circle], ["the point", [1.0, 1.0]]]}
    fig = figures.draw(Figure("map", "map", (), "", x="", y=""), fake.THEOREM, {"plane": record})
    assert {"true margin", "the point"} <= set(texts(fig))
    ax = fig.axes[0]
    assert [len(line.get_xdata()) for line in ax.lines] == [64, 1]


def test_maps_of_several_points_are_kept_by_title():
    from verify.engine.evidence import Evidence

    pooled, first, second = Evidence(), {"a": SQUARE}, {"a": {**SQUARE, "box": [0.0, 1.0]}, "b": SQUARE}
    for data in (first, second):
        pooled.merge(Evidence(figures={"map": dict(data)}))
    assert pooled.figures["map"] == {"a": SQUARE, "b": SQUARE}
