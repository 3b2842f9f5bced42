"""The figures of a page, drawn from what a run recorded. Matplotlib is imported when something is drawn.

Every point that was recorded is accounted for: a value that a logarithmic axis cannot show is drawn at a floor that is
marked as such, and points that are not finite are counted in the figure.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from verify.core.theorem import Claim, Figure, Theorem
from verify.engine.verdict import slope_interval
from verify.report.text import latex_name, number

# Okabe and Ito's colours, told apart by colour-blind readers, dark enough on white (their yellow is not), and a
# marker and a dash for each, so that no figure needs colour to be read.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", (0, (1, 1.2)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (3, 3)))
FORBIDDEN = "#D55E00"
GREY = "#555555"
DENSE = 500  # clouds of more points are drawn as pixels inside the SVG
DPI = (150, 110, 80, 60)  # of those pixels: the first that keeps the file small
LARGE = 200_000  # bytes
FEW = 40  # more distinct values than these share cells of equal widths
CELLS = 24  # of equal widths
EMPTY: Any = {"facecolor": "white", "edgecolor": "#bbbbbb", "hatch": "////", "linewidth": 0}  # a cell without instances
STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "verify",
    "svg.fonttype": "path",
}


def draw(figure: Figure, theorem: Theorem, data: Mapping[str, Any]) -> Any:
    """The Matplotlib figure of ``data[family]``: a record for curves and maps, rows for every other kind (see
    :class:`verify.engine.evidence.Evidence`). Raises ValueError when no family has any."""
    import matplotlib as mpl

    shown = {family: data[family] for family in (*theorem.families, *data) if data.get(family)}
    if not shown:
        raise ValueError(f"figure {figure.name!r} of {theorem.name}: nothing was recorded for it")
    with mpl.rc_context():
        mpl.rcdefaults()  # a page looks the same whatever the reader's own settings are
        mpl.rcParams.update(STYLE)
        kinds: dict[str, Any] = {
            "cloud": _cloud,
            "ratio": _ratio,
            "curves": _curves,
            "ladder": _ladder,
            "heat": _heat,
            "map": _map,
        }
        return kinds[figure.kind](figure, theorem, shown)


def draw_search(climbs: Mapping[str, Sequence[tuple[int, float]]]) -> Any:
    """The largest ratio so far against the number of evaluated instances, a line for each claim."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        fig, (ax,) = _panels([""], height=4.2)
        last = max(trace[-1][0] for trace in climbs.values())
        for n, (claim, trace) in enumerate(climbs.items()):
            colour, marker = _look(n)
            x, y = zip(*trace, (last, trace[-1][1]), strict=True)
            ax.step(x, y, where="post", label=_label(claim), color=colour, linestyle=DASHES[n % 7], linewidth=1.6)
            ax.plot(x[0], y[0], color=colour, marker=marker, markersize=6)
        ax.set(xscale="log")
        ax.axhline(1.0, color="black", linewidth=1.2)
        figure = Figure("search", "curves", (), "", x="instances evaluated", y="largest ratio so far")
        _finish(fig, [ax], figure, 0, 0)
        return fig


def save(fig: Any, path: Path) -> None:
    """Writes the figure as SVG (or PNG, by the suffix); equal figures give equal bytes."""
    import matplotlib as mpl

    metadata = {"Date": None} if path.suffix == ".svg" else {}
    with mpl.rc_context(STYLE):
        for dpi in DPI:
            fig.savefig(path, dpi=dpi, metadata=metadata)
            if path.stat().st_size < LARGE:
                break


# ------------------------------------------------------------------------------------------ the kinds


def _cloud(figure: Figure, theorem: Theorem, data: Mapping[str, list[list[float]]]) -> Any:
    """Measured against bound on logarithmic axes, a panel for each claim, a colour for each family."""
    count = len(figure.claims)
    fig, panels = _panels(figure.claims if count > 1 else [""], height=4.6)
    pairs = [(row[3], row[2]) for rows in data.values() for row in rows]
    finite = [pair for pair in pairs if all(map(_drawable, pair))]
    # An error five decades below the others is rounding: it must not take the axis.
    floor = _floor([v for pair in finite for v in pair], decades=5)
    clipped = [(max(b, floor), max(m, floor)) for b, m in finite] or [(1.0, 1.0)]
    x_range = _log_range([b for b, _ in clipped])
    y_range = _log_range([v for pair in clipped for v in pair])
    for index, ax in enumerate(panels):
        ax.set(xscale="log", yscale="log", xlim=x_range, ylim=y_range)
        _log_ticks(ax.xaxis, x_range)
        _log_ticks(ax.yaxis, y_range)
        _diagonal(ax, theorem.claim(figure.claims[index]), x_range, y_range)
        here = {family: [r for r in rows if r[1] == index and _row_drawable(r)] for family, rows in data.items()}
        series = {family: [(max(r[3], floor), max(r[2], floor)) for r in rows] for family, rows in here.items()}
        _scatter(ax, series, len(pairs) > DENSE)
        low = [any(r[k] < floor for rows in here.values() for r in rows) for k in (3, 2)]
        _mark_floor(ax, floor, x=low[0], y=low[1])
    _finish(fig, panels, figure, len(pairs) - len(finite), len(pairs))
    return fig


def _ratio(figure: Figure, theorem: Theorem, data: Mapping[str, list[list[float]]]) -> Any:
    """The ratio against a quantity; one series for each claim, or for each family where there is one claim."""
    rows = [row for family_rows in data.values() for row in family_rows]
    finite = [r for r in rows if _row_drawable(r)]
    if len(figure.claims) > 1:
        series = {name: [r for r in finite if r[1] == n] for n, name in enumerate(figure.claims)}
    else:
        series = {family: list(filter(_row_drawable, family_rows)) for family, family_rows in data.items()}
    ratios = [r[3] for r in finite] or [1.0]
    log_y = sorted(ratios)[len(ratios) // 2] < 0.05 or max(ratios) > 20
    floor = _floor(ratios) if log_y else -math.inf
    fig, (ax,) = _panels([""], height=4.2)
    place = _places(ax, sorted({r[2] for r in finite}) or [0.0], len(series))
    drawn = {
        name: [(place(x, n, instance), max(value, floor)) for instance, _, x, value in members]
        for n, (name, members) in enumerate(series.items())
    }
    _scatter(ax, drawn, len(rows) > DENSE)
    if log_y:
        y_range = _log_range([max(v, floor) for v in [*ratios, 1.0]])
        ax.set(yscale="log", ylim=y_range)
        _log_ticks(ax.yaxis, y_range)
        _mark_floor(ax, floor, y=min(ratios) <= 0)
    else:
        low, high = min(0.0, *ratios), max(1.0, *ratios)
        ax.set_ylim(low, high + 0.12 * (high - low))
    claims = [theorem.claim(name) for name in figure.claims]
    if all(c.relation != "==" for c in claims):
        ax.axhspan(1.0, ax.get_ylim()[1], color=FORBIDDEN, alpha=0.10, linewidth=0)
        ax.axhline(1.0, color="black", linewidth=1.2)
        _beside(ax, (0.99, 1.0), "ratio = 1: the bound", transform=ax.get_yaxis_transform(), ha="right", va="bottom")
    _finish(fig, [ax], figure, len(rows) - len(finite), len(rows))
    return fig


def _places(ax: Any, values: Sequence[float], lanes: int) -> Any:
    """Sets the horizontal axis up for ``values`` (sorted, distinct) and returns the place of a value in a lane.

    A few integers stand in columns, the lanes side by side, each instance moved by a little of its own; other values
    stand where they are.
    """
    log = _is_ladder(values)
    to, back = (math.log, math.exp) if log else (float, float)
    if log:
        ax.set_xscale("log")
        _log_ticks(ax.xaxis, (values[0], values[-1]))
    if len(values) > 25 or any(v != int(v) or abs(v) > 1e6 for v in values):
        return lambda value, lane, instance: value
    gap = min((to(b) - to(a) for a, b in pairwise(values)), default=1.0)
    ax.set_xlim(back(to(values[0]) - 0.6 * gap), back(to(values[-1]) + 0.6 * gap))
    if len(values) <= 12:
        ax.set_xticks(values, [number(v) for v in values])

    def place(value: float, lane: int, instance: float) -> float:
        spread = (instance * 0.6180339887498949) % 1 - 0.5  # multiples of the golden ratio fill an interval evenly
        return back(to(value) + 0.7 * gap / lanes * (lane - (lanes - 1) / 2 + 0.7 * spread))

    return place


def _curves(figure: Figure, theorem: Theorem, data: Mapping[str, Mapping[str, Any]]) -> Any:
    """Measured quantities and bounds along the steps on a logarithmic axis, a panel for each family."""
    titles = [f"{family}, instance {number(record['instance'])}" for family, record in data.items()]
    fig, panels = _panels(titles, height=4.2)
    lines = [record[side][name] for record in data.values() for side in ("measured", "bound") for name in figure.claims]
    values = [v for line in lines for v in line]
    finite = [v for v in values if _drawable(v)]
    floor = _floor(finite)
    y_range = _log_range([max(v, floor) for v in finite] or [1.0])
    # Claims that measure the same quantity share its curve.
    measured: dict[str, str] = {}
    for name in figure.claims:
        measured.setdefault(theorem.claim(name).measured, name)
    for ax, record in zip(panels, data.values(), strict=True):
        steps = record["steps"]

        def plot(line: Sequence[float], ax: Any = ax, steps: Sequence[int] = steps, **style: Any) -> None:
            heights = [max(v, floor) if _drawable(v) else math.nan for v in line]
            ax.plot(steps[: len(line)], heights, **style)

        # The measured curve lies below the bounds, thick, so that it is seen where they meet.
        for n, name in enumerate(measured.values()):
            label = "measured" if len(measured) == 1 else f"measured: {name}"
            plot(record["measured"][name], label=_label(label), color="black", linestyle=DASHES[n % 7], linewidth=3)
        for n, name in enumerate(figure.claims):
            colour, marker = _look(n)
            plot(
                record["bound"][name],
                label=_label(f"bound: {name}"),
                color=colour,
                marker=marker,
                markevery=(n % 7, max(1, len(steps) // 8)),
                markersize=4.5,
                linestyle=DASHES[n % 7],
                linewidth=1.4,
            )
        ax.set(yscale="log", ylim=y_range)
        ax.xaxis.set_major_locator(_integers())
        _log_ticks(ax.yaxis, y_range)
        lines = [*record["measured"].values(), *record["bound"].values()]
        _mark_floor(ax, floor, y=any(v <= 0 for line in lines for v in line))
    _finish(fig, panels, figure, len(values) - len(finite), len(values))
    return fig


def _ladder(figure: Figure, theorem: Theorem, data: Mapping[str, list[list[float]]]) -> Any:
    """Means against a quantity on logarithmic axes, all families together: points for what is measured, with the range
    of its values, and a line for each bound; the legend says their slopes."""
    rows = [row for family_rows in data.values() for row in family_rows]
    finite = [r for r in rows if all(map(_drawable, r[2:]))]
    x_floor = _floor([r[2] for r in finite])
    places = sorted({max(r[2], x_floor) for r in finite}) or [1.0]
    edges = _edges(places, log=True)

    def rungs(claim: int, column: int) -> list[tuple[float, ...]]:
        """Mean x; and mean, least and largest of a column in each cell of x."""
        cells: dict[int, list[tuple[float, float]]] = {}
        for row in finite:
            if row[1] == claim:
                x = max(row[2], x_floor)
                cells.setdefault(_cell(edges, x), []).append((x, row[column]))
        columns = [tuple(zip(*cells[key], strict=True)) for key in sorted(cells)]
        return [(_mean(x), _mean(v), min(v), max(v)) for x, v in columns]

    # Claims that measured the same share its points.
    measured: dict[int, list[tuple[float, ...]]] = {}
    for n in range(len(figure.claims)):
        if (ladder := rungs(n, 3)) not in measured.values():
            measured[n] = ladder
    bounds = [rungs(n, 4) for n in range(len(figure.claims))]
    seen = [values for ladder in measured.values() for _, *values in ladder]
    seen += [[mean] for ladder in bounds for _, mean, *_ in ladder]
    # The range of a mean may reach a decade below it: further down the least of many values would take the axis.
    floor = _floor([values[0] for values in seen]) / 10
    y_range = _log_range([max(v, floor) for values in seen for v in values] or [1.0])

    fig, (ax,) = _panels([""], height=4.6)
    ax.set(xscale="log", yscale="log", xlim=_log_range(places), ylim=y_range)
    for n, ladder in measured.items():
        at = [x for x, *_ in ladder]
        mean, low, high = ([max(rung[k], floor) for rung in ladder] for k in (1, 2, 3))
        # The mean of equal numbers may round to just beside them.
        spread = [[max(a - b, 0.0) for a, b in zip(*pair, strict=True)] for pair in ((mean, low), (high, mean))]
        label = "measured" if len(measured) == 1 else f"measured: {figure.claims[n]}"
        words, fitted = _slope(ladder, x_floor)
        ax.plot(*fitted, color=GREY, linewidth=1, linestyle=":")
        ax.errorbar(at, mean, spread, fmt="none", color="black", elinewidth=1, capsize=3)
        ax.plot(
            at,
            mean,
            label=_label(f"{label}, mean and range: {words}"),
            color="black",
            marker=MARKERS[n % 7],
            markersize=6,
            linestyle="",
        )
    for n, ladder in enumerate(bounds):
        colour, marker = _look(n)
        ax.plot(
            [x for x, *_ in ladder],
            [max(mean, floor) for _, mean, *_ in ladder],
            label=_label(f"bound: {figure.claims[n]}: {_slope(ladder, x_floor)[0]}"),
            color=colour,
            marker=marker,
            markersize=5,
            markerfacecolor="white",
            linestyle=DASHES[n % 7],
            linewidth=1.4,
        )
    _log_ticks(ax.xaxis, _log_range(places))
    _log_ticks(ax.yaxis, y_range)
    if len(places) <= 8 and min((b / a for a, b in pairwise(places)), default=1) ** 16 > places[-1] / places[0]:
        ax.set_xticks(places, [number(x) for x in places])
    _mark_floor(ax, floor, y=any(v < floor for values in seen for v in values))
    _mark_floor(ax, x_floor, x=any(r[2] < x_floor for r in finite))
    _finish(fig, [ax], figure, len(rows) - len(finite), len(rows))
    return fig


def _slope(ladder: Sequence[tuple[float, ...]], x_floor: float) -> tuple[str, tuple[list[float], list[float]]]:
    """The slope of log mean against log x by least squares, in words, with the 95 % t interval from the scatter about
    the line; and the ends of the line. Rungs that stand at a floor have no place on the line."""
    points = [(math.log(x), math.log(mean)) for x, mean, *_ in ladder if x > x_floor and mean > 0]
    if len(points) < 3:
        return "no slope from fewer than 3 points", ([], [])
    x, y = zip(*points, strict=True)
    slope, half = map(float, slope_interval(x, y, 0.05))
    fitted = [math.exp(_mean(y) + slope * (v - _mean(x))) for v in (x[0], x[-1])]
    some = "" if len(points) == len(ladder) else f" over {len(points)} of {len(ladder)} points"
    # Rounded first, so that a slope of 0 does not show the rounding of the logarithms.
    said, low, high = (number(round(v, 9), 3) for v in (slope, slope - half, slope + half))
    words = f"slope {said}{some}, 95% in [{low}, {high}]"
    return words, ([math.exp(x[0]), math.exp(x[-1])], fitted)


def _heat(figure: Figure, theorem: Theorem, data: Mapping[str, list[list[float]]]) -> Any:
    """The mean of a quantity in the cells of two others, all families together, and over it the mean bound
    of each column. Where a column's bound is not finite the curve has a gap."""
    import numpy as np
    from matplotlib.colors import LogNorm
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    (name,) = figure.claims
    rows = [row for family_rows in data.values() for row in family_rows]
    finite = [r for r in rows if all(map(_drawable, r[2:5]))]
    scales, edges = [], []
    for k in (2, 3):
        values = sorted({r[k] for r in finite}) or [0.0]
        scales.append("log" if _is_ladder(values) else "linear")
        edges.append(_edges(values, _is_ladder(values)))
    cells: dict[tuple[int, int], list[float]] = {}
    columns: dict[int, list[list[float]]] = {}
    for row in finite:
        column, line = (_cell(e, v) for e, v in zip(edges, row[2:4], strict=True))
        cells.setdefault((line, column), []).append(row[4])
        columns.setdefault(column, []).append(row)
    means = np.full((len(edges[1]) - 1, len(edges[0]) - 1), math.nan)
    for place, values in cells.items():
        means[place] = _mean(values)

    fig, (ax,) = _panels([""], height=4.8)
    ax.grid(visible=False)
    mesh = ax.pcolormesh(
        *edges,
        means,
        cmap="cividis",  # perceptually uniform, and nearly the same for colour-blind readers
        norm=LogNorm() if _is_ladder(sorted(map(_mean, cells.values())) or [0.0]) else None,
        rasterized=means.size > DENSE,
    )
    ranges = [(e[0], e[-1]) for e in edges]
    ax.set(xscale=scales[0], yscale=scales[1], xlim=ranges[0], ylim=ranges[1])
    for axis, scale, limits in zip((ax.xaxis, ax.yaxis), scales, ranges, strict=True):
        if scale == "log":
            _log_ticks(axis, limits)
    shown = figure.colour or theorem.claim(name).measured
    symbol, meaning = theorem.symbols.get(shown, (latex_name(shown), ""))
    fig.colorbar(mesh, ax=ax, label=_label(f"mean of $`{symbol}`$" + (f", {meaning}" if 0 < len(meaning) < 40 else "")))
    if len(cells) < means.size:
        ax.patch.set(**EMPTY)
        ax.add_patch(Rectangle((edges[0][0], edges[1][0]), 0, 0, label="no instance", **EMPTY))  # for the legend

    curve = [(_mean([r[2] for r in columns[k]]), _mean([r[5] for r in columns[k]])) for k in sorted(columns)]
    inside = sum(ranges[1][0] <= bound <= ranges[1][1] for _, bound in curve)
    some = "" if inside == len(curve) else f", shown at {inside} of {len(curve)} columns"
    ax.plot(
        [x for x, _ in curve],
        [bound if _drawable(bound) else math.nan for _, bound in curve],
        label=_label(f"bound: {name}{some}"),
        color=FORBIDDEN,
        marker="o",
        markersize=4,
        linewidth=2,
        path_effects=[withStroke(linewidth=4, foreground="white")],
    )
    _finish(fig, [ax], figure, len(rows) - len(finite), len(rows))
    return fig


def _map(figure: Figure, theorem: Theorem, data: Mapping[str, Mapping[str, Any]]) -> Any:
    """Coloured polygons and lines over them, a panel for each record; where the numbers mean something a colour bar
    says what."""
    from matplotlib.collections import PolyCollection
    from matplotlib.patheffects import withStroke

    rows = -(-len(data) // 3)
    fig, panels = _panels(list(data), height=4.2)
    labels = list(dict.fromkeys(label for record in data.values() for label, _ in record.get("lines", ())))
    if rows > 1 or len(data) < 3:
        fig.set_size_inches(9.0, 4.0 * rows)
    for ax, record in zip(panels, data.values(), strict=True):
        low, high = record["box"]
        cells = record["cells"]
        mesh = PolyCollection(
            [list(zip(outline[::2], outline[1::2], strict=True)) for _, outline in cells],
            array=[value for value, _ in cells],
            cmap="cividis",
            edgecolors="white" if record["colour"] else "face",
            linewidths=0.2 if len(cells) > DENSE else 0.6,
            rasterized=len(cells) > DENSE,
        )
        ax.add_collection(mesh)
        ax.grid(visible=False)
        for label, flat in record.get("lines", ()):
            n = labels.index(label)
            colour, marker = _look(n)
            style = (
                {"marker": marker, "markersize": 6, "linestyle": ""} if len(flat) == 2 else {"linestyle": DASHES[n % 7]}
            )
            halo = [withStroke(linewidth=3.5, foreground="white")]
            ax.plot(flat[::2], flat[1::2], label=_label(label), color=colour, linewidth=1.8, path_effects=halo, **style)
        ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        if record["colour"]:
            bar = fig.colorbar(mesh, ax=ax, location="bottom", shrink=0.8, label=_label(record["colour"]))
            bar.locator = _integers()
            bar.update_ticks()
    _finish(fig, panels, figure, 0, 0)
    return fig


# ------------------------------------------------------------------------------------------ the parts


def _panels(titles: Sequence[str], height: float) -> tuple[Any, list[Any]]:
    """A figure with a panel for each title, of shared axes, at most three beside one another."""
    from matplotlib.figure import Figure as Canvas

    count = len(titles)
    columns = count if count <= 3 else 2 if count == 4 else 3
    rows = -(-count // columns)
    size = (7.4 if columns < 3 else 9.0, height if rows == 1 else 2.4 * rows + 0.8)
    fig = Canvas(figsize=size, layout="constrained")
    panels = list(fig.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
    for ax in panels[count:]:
        ax.remove()
    for ax in panels[count - columns : count]:
        ax.tick_params(labelbottom=True)  # also above an empty place of the grid
    for ax, title in zip(panels, titles, strict=False):
        ax.set_title(_label(title), fontsize=10)
    return fig, panels[:count]


def _look(n: int) -> tuple[str, str]:
    """Colour and marker of the n-th series: no two of the first 49 alike."""
    return COLOURS[n % 7], MARKERS[(n + n // 7) % 7]


def _scatter(ax: Any, series: Mapping[str, Sequence[tuple[float, float]]], dense: bool) -> None:
    """The points of every series, in slices and the series in turn, so that the last does not hide the others."""
    slices = 8 if dense else 1
    for part in range(slices):
        for n, (name, points) in enumerate(series.items()):
            colour, marker = _look(n)
            if points[part::slices]:
                x, y = zip(*points[part::slices], strict=True)
                ax.scatter(
                    x,
                    y,
                    s=12 if dense else 22,
                    color=colour,
                    marker=marker,
                    alpha=0.6 if dense else 0.75,
                    linewidths=0,
                    label=_label(name) if part == 0 else None,
                    rasterized=dense,
                    zorder=3,
                )


def _diagonal(ax: Any, claim: Claim, x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
    """The line measured = bound, and the side of it on which an instance violates the claim."""
    low, high = max(x_range[0], y_range[0]), min(x_range[1], y_range[1])
    if claim.relation != "==":
        edge = y_range[1] if claim.relation == "<=" else y_range[0]
        ax.fill_between(x_range, x_range, [edge, edge], color=FORBIDDEN, alpha=0.10, linewidth=0)
        corner, ha, va = ((0.02, 0.96), "left", "top") if claim.relation == "<=" else ((0.98, 0.04), "right", "bottom")
        _beside(ax, corner, "violates the claim", transform=ax.transAxes, color=FORBIDDEN, ha=ha, va=va)
    ax.plot(x_range, x_range, color="black", linewidth=1.2, zorder=4)
    place = math.exp(0.97 * math.log(high) + 0.03 * math.log(low))
    _beside(
        ax,
        (place, place),
        "measured = bound",
        ha="right",
        va="bottom",
        rotation=45,
        rotation_mode="anchor",
        transform_rotates_text=True,
    )


def _beside(ax: Any, place: tuple[float, float], text: str, **options: Any) -> None:
    # A halo around the letters would draw each of them anew, 20 kB for a few words; a pale box costs nothing.
    box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0}
    ax.text(*place, text, fontsize=9, zorder=6, bbox=box, **options)


def _mark_floor(ax: Any, floor: float, x: bool = False, y: bool = False) -> None:
    """The place where values of 0 or less, or too small for the axis, stand on a logarithmic axis."""
    line = {"color": GREY, "linewidth": 1.0, "linestyle": ":"}
    text = f"0, or below {floor:.0e}"
    if y:
        ax.axhline(floor, **line)
        _beside(ax, (0.01, floor), text, transform=ax.get_yaxis_transform(), va="top", color=GREY)
    if x:
        ax.axvline(floor, **line)
        place = {"transform": ax.get_xaxis_transform(), "ha": "right", "va": "center", "rotation": 90}
        _beside(ax, (floor, 0.5), text, color=GREY, **place)


def _finish(fig: Any, panels: Sequence[Any], figure: Figure, missing: int, total: int) -> None:
    """Axis labels, and below the panels one legend, in as many columns as fit, with what could not be drawn."""
    for ax in panels:
        place = ax.get_subplotspec()
        bottom = not any(a.get_subplotspec().colspan == place.colspan and _below(a, ax) for a in panels)
        ax.set(xlabel=_label(figure.x) if bottom else "", ylabel=_label(figure.y) if place.is_first_col() else "")
    entries: dict[str, Any] = {}
    for ax in panels:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    widest = max(map(len, entries), default=0) + 6
    fig.legend(
        entries.values(),
        entries.keys(),
        loc="outside lower center",
        ncols=max(1, min(len(entries), int(fig.get_figwidth() * 13 / widest))),
        fontsize=9,
        markerscale=1.6,
        title=f"{number(missing)} of {number(total)} are NaN or infinite and are not drawn" if missing else None,
        title_fontsize=9,
    )


def _below(a: Any, b: Any) -> bool:
    return a.get_subplotspec().rowspan.start > b.get_subplotspec().rowspan.start


def _row_drawable(row: Sequence[float]) -> bool:
    return _drawable(row[2]) and _drawable(row[3])


def _drawable(value: float) -> bool:
    """Neither NaN nor infinite nor so large that an axis could not go beyond it."""
    return abs(value) < 1e300


def _floor(values: Sequence[float], decades: float = 300) -> float:
    """Where values of 0 or less are drawn: at a third of the smallest positive one, at most so many decades below the
    largest."""
    least = min((v for v in values if v > 0), default=1.0) / 3
    return max(least, 1e-300, max(values, default=0.0) * 10**-decades)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _is_ladder(values: Sequence[float]) -> bool:
    """Sorted values that ask for a logarithmic axis: they span decades, and not in even steps."""
    return 1e-300 < values[0] < values[-1] / 50 and values[(len(values) - 1) // 2] < values[-1] / 4


def _edges(values: Sequence[float], log: bool) -> list[float]:
    """The edges of the cells of sorted, distinct values: midway between neighbours, or of :data:`CELLS` equal cells
    when there are more than :data:`FEW` values."""
    places = [math.log(v) for v in values] if log else values
    if len(places) > FEW:
        width = (places[-1] - places[0]) / CELLS
        edges = [places[0] + n * width for n in range(CELLS + 1)]
    elif len(places) > 1:
        middle = [(a + b) / 2 for a, b in pairwise(places)]
        edges = [2 * places[0] - middle[0], *middle, 2 * places[-1] - middle[-1]]
    else:
        half = max(1.0, abs(places[0])) / 2
        edges = [places[0] - half, places[0] + half]
    return [math.exp(min(max(e, -700.0), 700.0)) for e in edges] if log else edges


def _cell(edges: Sequence[float], value: float) -> int:
    """The number of the cell that a value is in; the outermost cells have no outer end."""
    return bisect_right(edges, value, 1, len(edges) - 1) - 1


def _log_range(values: Sequence[float]) -> tuple[float, float]:
    """Limits around positive values, half a decade wide at least."""
    low, high = math.log10(min(values)), math.log10(max(values))
    margin = max(0.06 * (high - low), (0.5 - (high - low)) / 2)
    return 10 ** max(low - margin, -307.0), 10 ** min(high + margin, 307.0)


def _log_ticks(axis: Any, limits: tuple[float, float]) -> None:
    """Plain numbers where the axis spans less than three decades, powers of ten beyond; no minor ticks."""
    from matplotlib.ticker import LogLocator, NullLocator

    axis.set_minor_locator(NullLocator())
    decades = math.log10(limits[1] / limits[0])
    if decades < 3:
        subs = (1, 1.5, 2, 3, 4, 5, 6, 7, 8) if decades < 0.7 else (1, 2, 5) if decades < 1.5 else (1, 3)
        axis.set_major_locator(LogLocator(subs=subs))
        axis.set_major_formatter(lambda v, _: number(v, 3))


def _integers() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(integer=True, nbins=6)


def _label(text: str) -> str:
    """User text as Matplotlib reads it: mathematics between ``$`..`$`` where it can be set, every other dollar as a
    dollar."""
    from matplotlib.mathtext import MathTextParser

    pieces = re.split(r"\$`([^`]*)`\$", text)
    for n, piece in enumerate(pieces):
        if n % 2:
            try:
                MathTextParser("path").parse(f"${piece}$")
                pieces[n] = f"${piece}$"
            except ValueError:
                pieces[n] = piece.replace("$", r"\$")
        else:
            pieces[n] = piece.replace("$", r"\$")
    return "".join(pieces)
