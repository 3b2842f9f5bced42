import math

import matplotlib as mpl
import pytest

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
    for figure, data in ((KINDS[0], [[0, 0, value, value]]), (KINDS[3], [[0, 0, value, value]]), (KINDS[4], record)):
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
