r"""Exact input margins of ReLU classifiers, two-sided.

The input margin of a point x of class y is the distance to the nearest point that is not clearly in y,

.. math:: \gamma=\inf\{|z-x|:\exists j\ne y,\ m_j(z)\le0\},\qquad m_j(z)=f_y(z)-f_j(z).

Ties count as boundary. A counterexample must not hang on a tie: with ``slack`` :math:`\tau>0` the condition is
:math:`m_j(z)\le-\tau`, and the margin is the distance to a point that is misclassified by at least that.

:func:`input_margins` finds the Euclidean margin by a walk over the linear regions from the nearest on
(:mod:`verify.kit.region_walk`): in each region the condition is a half-space for each rival j, and the nearest point of
the region that satisfies it is a least-distance program. The walk covers the ball of the best witness found so far.
``lower`` is the least certified distance of all that was passed over; its rounding errors are bounded, those of the
affine forms included. ``upper`` is the distance of ``witness``, a point at which the network, evaluated in float64, has
:math:`\min_jm_j\le-\tau+` ``residual``, with a residual of at most 1e-11 (1 + max |f|) where there is no slack; with
a slack a few are larger, up to a fifth of it.

:func:`integer_margins` finds the margins in the maximum norm and in the 1-norm by mixed-integer programming.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from verify.core.arrays import Array, namespace, to_numpy
from verify.core.enclosure import Enclosure
from verify.kit.attacks import Attack, deepfool, predicted
from verify.kit.region_walk import HostNetwork, Regions, Rows, Walk
from verify.kit.relu import Network

GAP = 1e-12  # what is further than (1 - GAP) times the best witness is not looked at
RESIDUAL = 1e-11  # a witness may miss the boundary by this share of 1 + max |f|
PROGRAM_ERROR = 1e-8
EXACT = 1e-9  # relative distance of the two ends up to which the status is "exact"


@dataclass(frozen=True)
class Margins:
    """``lower <= margin <= upper``, all (B, P), on the device of x.

    ``witness`` (B, P, d) is at the distance ``upper``, and there the class ``rival`` (int64) wins up to ``residual``
    >= 0; where no boundary was found, ``upper`` is inf, ``rival`` -1 and the witness x. ``regions`` (int64) is the
    number of linear regions visited. ``status[b][p]`` says in words which case it is:

    - "exact": the ends agree, to 1e-9 relatively in the Euclidean norm (1e-6 with a slack), to 4e-8 (1 + margin) in
      others;
    - "misclassified": x itself satisfies the condition, the margin is 0;
    - "no boundary": none within the radius asked for, up to 1e-6 of it (``upper`` may know one beyond);
    - "budget": the search was stopped; both ends hold;
    - "loose": both ends hold but differ by more.
    """

    lower: Array
    upper: Array
    witness: Array
    rival: Array
    residual: Array
    regions: Array
    status: tuple[tuple[str, ...], ...]

    @property
    def enclosure(self) -> Enclosure:
        """The margin as an enclosure, with the witness's distance as best value."""
        return Enclosure(self.upper, self.lower, self.upper)


def input_margins(
    network: Network,
    x: Array,
    y: Array | None = None,
    *,
    slack: float = 0.0,
    radius: float = 1e3,
    budget: int = 20_000,
    domain: tuple[Any, Any] | None = None,
) -> Margins:
    """The Euclidean input margins at x (B, P, d), or (1, P, d) for the same points in all networks.

    y (B, P) integers is the class (by default the predicted one). Boundaries further than ``radius`` are not looked
    for: where there is none, all regions within it are visited. ``budget`` is the largest number of regions a point.
    ``domain`` = (A (k, d), c (k,)) measures the margin within the convex set A z <= c, which must contain the points.
    With a ``slack`` the lower end is that of a network whose margins differ by less than a quarter of the slack
    (:func:`_general_position`). Work is done on the host in float64.

    Raises ValueError for a network without a read-out or of one output, for weights that are not finite, a negative
    slack, and points outside the domain.
    """
    import numpy as np

    xp, device = namespace(x), x.device
    host, points, labels = _on_host(network, x, y, slack)
    walls = None if domain is None else tuple(to_numpy(a).astype(np.float64) for a in domain)
    if walls is not None and np.any(points @ walls[0].T > walls[1]):
        raise ValueError("a point is outside the domain")
    search = _Search(host, points, labels, slack, 2, walls)
    size = search.network.together
    for start in range(0, len(search.x), size):
        search.walk(slice(start, min(start + size, len(search.x))), radius, budget)
    if slack > 0:
        search.settle(deepfool(host, points, labels, search.witness.reshape(points.shape), slack=slack))
    return search.record(xp, device, labels.shape, (EXACT if slack == 0 else 1e-6) * search.upper, radius)


def _on_host(network: Network, x: Array, y: Array | None, slack: float) -> tuple[Network, Any, Any]:
    """The networks, the points (B, P, d) and the classes (B, P) as NumPy arrays, checked."""
    import numpy as np

    if network.readout is None or network.readout[1].shape[-1] < 2:
        raise ValueError("a margin needs a read-out with two outputs or more")
    if slack < 0:
        raise ValueError(f"slack = {slack}: it must not be negative")
    host = _host_copy(network)
    points = np.broadcast_to(to_numpy(x).astype(np.float64), (len(network), *x.shape[1:])).copy()
    labels = predicted(host, points) if y is None else np.broadcast_to(to_numpy(y), points.shape[:2]).astype(np.int64)
    return host, points, labels


def _host_copy(network: Network) -> Network:
    import numpy as np

    def move(a: Array) -> Any:
        return to_numpy(a).astype(np.float64)

    pairs = [(move(W), move(b)) for W, b in zip(network.weights, network.biases, strict=True)]
    readout = (move(network.readout[0]), move(network.readout[1])) if network.readout else None
    return Network(tuple(W for W, _ in pairs), tuple(b for _, b in pairs), readout)


def _general_position(network: Network, x: Any, slack: float) -> tuple[Network, Any]:
    """The networks with hidden biases moved a little, and a bound (B,) of the change of any m_j at any point: at most
    an eighth of the slack.

    Where m_j <= -slack in the network, m_j <= -slack + change in the moved one, so its margin for that is a lower end.
    This keeps the walk polynomial: in a network without biases all 2^N patterns hold at the origin. (With slack 0 the
    origin is a boundary itself, and the walk ends there.)
    """
    import numpy as np

    def change(moves: list[Any]) -> Any:
        assert network.readout is not None
        total = np.zeros((len(network), network.inputs))
        for W, move in zip((*network.weights, network.readout[0]), (*moves, 0.0), strict=True):
            total = np.matmul(np.abs(W), total[..., None])[..., 0] + np.abs(move)
        return 2 * np.max(total, axis=-1)

    random = np.random.default_rng(0)
    sizes = np.abs(network.pre_activations(x)).max(axis=(1, 2))[:, None]
    # The same for every network of a batch, so that a network has the same margins alone.
    moves = [1e-6 * sizes * random.uniform(-1, 1, b.shape[1:]) for b in network.biases]
    share = np.minimum(1.0, 0.12 * slack / np.maximum(change(moves), 1e-300))[:, None]
    biases = [b + share * move for b, move in zip(network.biases, moves, strict=True)]
    moved = [c - b for c, b in zip(biases, network.biases, strict=True)]
    return Network(network.weights, tuple(biases), network.readout), 1.01 * change(moved)


class _Search:
    """The best witness and the lower end of each point, in a norm, starting with a witness of DeepFool."""

    def __init__(
        self, network: Network, x: Any, y: Any, slack: float, norm: float, domain: tuple[Any, Any] | None = None
    ):
        import numpy as np

        B, P, d = x.shape
        self.network, self.net = HostNetwork(network), np.repeat(np.arange(B), P)
        self.x, self.y = x.reshape(-1, d), y.reshape(-1)
        self.slack, self.norm, self.domain = slack, norm, domain
        n = len(self.x)
        self.lower, self.upper = np.zeros(n), np.full(n, np.inf)
        self.witness, self.rival = self.x.copy(), np.full(n, -1, dtype=np.int64)
        self.residual, self.regions = np.full(n, np.inf), np.zeros(n, dtype=np.int64)
        self.stopped = np.zeros(n, dtype=bool)
        self.walked, self.change = self.network, np.zeros(B)
        if slack > 0:
            moved, self.change = _general_position(network, x, slack)
            self.walked = HostNetwork(moved)
        self.propose(np.arange(n), self.x)
        self.propose(np.arange(n), deepfool(network, x, y, slack=slack).witness.reshape(-1, d))

    def propose(self, owner: Any, z: Any) -> None:
        """Takes the points z of ``owner`` as witnesses where they are, and are nearer than those known."""
        import numpy as np

        distance = np.linalg.norm(z - self.x[owner], self.norm, axis=1)
        _, f = self.network.forward(self.net[owner], z)
        every = np.arange(len(owner))
        m = f[every, self.y[owner]][:, None] - f
        m[every, self.y[owner]] = np.inf
        rival = np.argmin(m, axis=1)
        residual = m[every, rival] + self.slack
        allowed = RESIDUAL * (1 + np.max(np.abs(f), axis=1)) + 2 * self.change[self.net[owner]]
        good = residual <= np.where(distance > 0, allowed, 0.0)
        if self.domain is not None:
            A, c = self.domain
            good &= np.all(z @ A.T <= c + RESIDUAL * (1 + np.abs(c)), axis=1)
        good &= distance < self.upper[owner]
        # Of several witnesses of one point the nearest is written last.
        for i in np.flatnonzero(good)[np.argsort(-distance[good], kind="stable")]:
            k = owner[i]
            self.upper[k], self.witness[k], self.rival[k] = distance[i], z[i], rival[i]
            self.residual[k] = max(residual[i], 0.0)

    def settle(self, attack: Attack) -> None:
        """Takes its witnesses, which have no residual, for those that have more than rounding."""
        import numpy as np

        distance, z = attack.distance.reshape(-1), attack.witness.reshape(self.x.shape)
        for k in np.flatnonzero((self.residual > RESIDUAL) & np.isfinite(self.upper) & np.isfinite(distance)):
            self.upper[k] = np.inf
            self.propose(np.asarray([k]), z[[k]])

    def walk(self, part: slice, radius: float, budget: int) -> None:
        """Walks from the points of the part until nothing nearer than their witnesses is left."""
        import numpy as np

        numbers = np.arange(part.start, part.stop)
        numbers = numbers[self.upper[numbers] > 0]
        walk = Walk(self.walked, self.net[numbers], self.x[numbers], np.zeros(len(numbers)), budget, self.domain)

        def narrow() -> None:
            walk.radius = np.minimum(self.upper[numbers] * (1 - GAP), radius)

        narrow()
        for found in walk.rounds():
            self._boundaries(walk, numbers, found)
            narrow()
        self.lower[numbers] = np.minimum(walk.passed, self.upper[numbers])
        self.regions[numbers], self.stopped[numbers] = walk.visited, walk.stopped

    def _boundaries(self, walk: Walk, numbers: Any, found: Regions) -> None:
        """Projects onto the part of each region where a rival is as good."""
        import numpy as np

        first = self.network.neurons
        own = self.y[numbers[found.owner]]
        every = np.arange(len(own))
        forms, majorants = found.forms[:, first:], found.majorants[:, first:]
        rivals = Rows.of(
            forms - forms[every, own][:, None],
            majorants + majorants[every, own][:, None],
            np.ones(forms.shape[:2]),
            self.network.error,
            (self.slack - self.change[self.net[numbers[found.owner]]])[:, None],
        )
        other = np.arange(forms.shape[1]) != own[:, None]
        near = rivals.far < walk.radius[found.owner, None]
        region, j = np.nonzero(other & ~near)
        walk.close(found.owner[region], rivals.far[region, j])
        region, j = np.nonzero(other & near)
        owner = found.owner[region]
        bound, at, u = found.parts(region, rivals.take((region, j)), walk.radius[owner])
        walk.close(owner, bound)
        self.propose(numbers[owner[at]], self.x[numbers[owner[at]]] + u[at])

    def record(self, xp: Any, device: Any, shape: tuple[int, int], close: Any, radius: float) -> Margins:
        """What was found, as arrays (B, P) of the library; ends that differ by ``close`` (n,) at most are exact."""
        import numpy as np

        cases = [
            self.upper == 0,
            self.stopped,
            self.lower >= radius * (1 - 1e-6),
            np.isfinite(self.upper) & (self.upper <= self.lower + close),
        ]
        status = np.select(cases, ["misclassified", "budget", "no boundary", "exact"], "loose").reshape(shape).tolist()

        def out(a: Any) -> Array:
            return xp.asarray(a.reshape((*shape, *a.shape[1:])), device=device)

        return Margins(
            out(self.lower), out(self.upper), out(self.witness), out(self.rival), out(self.residual), out(self.regions),
            tuple(map(tuple, status)),
        )  # fmt: skip


# ------------------------------------------------------------------------------------- other norms, by integer programs


def integer_margins(
    network: Network,
    x: Array,
    y: Array | None = None,
    *,
    norm: int | float,
    slack: float = 0.0,
    radius: float = 100.0,
    seconds: float = 60.0,
) -> Margins:
    r"""The input margins in the 1-norm (``norm`` 1) or the maximum norm (``norm`` inf), by HiGHS: arguments and record
    as in :func:`input_margins`, but ``regions`` counts the nodes of branch and bound.

    One program for each rival j: the least :math:`t` with :math:`|z-x|\le t`, :math:`m_j(z)\le-\tau`, and the network
    written with one binary number for each neuron that can have both signs. Its big-M constants are bounds of the
    pre-activations by interval arithmetic on the ball of the nearest witness known (of ``radius`` where none is).
    ``upper`` is the distance of a witness, as everywhere. ``lower`` is the dual bound of HiGHS, whose tolerances are
    1e-9, less 1e-7 (1 + t): more than is ever lost to them in our tests, but no certificate. ``seconds`` limits each
    program; a bound of a program that was stopped holds, with the status "budget".

    Raises ValueError for another norm, and as :func:`input_margins`.
    """
    import numpy as np

    if norm not in (1, np.inf):
        raise ValueError(f"norm = {norm}: allowed are 1 and inf")
    xp, device = namespace(x), x.device
    host, points, labels = _on_host(network, x, y, slack)
    search = _Search(host, points, labels, slack, norm)
    nearest = input_margins(host, points, labels, slack=slack, radius=radius * points.shape[-1])
    search.propose(np.arange(len(search.x)), nearest.witness.reshape(search.x.shape))
    for k in range(len(search.x)):
        if search.upper[k] > 0:
            _branch(search, k, min(float(search.upper[k]), radius), seconds)
    return search.record(xp, device, labels.shape, 4 * PROGRAM_ERROR * (1 + search.upper), radius)


def _branch(search: _Search, k: int, radius: float, seconds: float) -> None:
    """Improves the ends of point k by one program for each rival, within the radius."""
    import numpy as np

    x, y = search.x[k], int(search.y[k])
    bounds = []
    for j in range(search.network.biases[-1].shape[1]):
        if j == y:
            continue
        z, bound, nodes, stopped = _program(search, k, j, radius, seconds)
        bounds.append(min(bound - PROGRAM_ERROR * (1 + bound), radius))
        search.regions[k] += nodes
        search.stopped[k] |= stopped
        if z is not None:
            # The solver's point may miss the boundary by its tolerance; a little further on is a witness.
            further = x + (1 + np.asarray([0.0, *(10.0 ** np.arange(-15, -5))]))[:, None] * (z - x)
            search.propose(np.full(len(further), k), further)
    search.lower[k] = max(0.0, min(*bounds, search.upper[k]))


def _program(search: _Search, k: int, rival: int, radius: float, seconds: float) -> tuple[Any, float, int, bool]:
    """The point that HiGHS found or None, its lower bound, the nodes, and whether the time was up."""
    import numpy as np
    from highspy import Highs, HighsModelStatus, HighsVarType, kHighsInf

    network, net, x, y = search.network, search.net[k], search.x[k], int(search.y[k])
    d = network.inputs
    highs = Highs()
    tight = [(f"{kind}_tolerance", 1e-9) for kind in ("primal_feasibility", "dual_feasibility", "mip_feasibility")]
    for option, value in (("output_flag", False), ("threads", 1), ("time_limit", seconds), ("mip_rel_gap", 0.0),
                          ("mip_abs_gap", 1e-10), *tight):  # fmt: skip
        highs.setOptionValue(option, value)

    def column(cost: float, low: float, high: float) -> int:
        highs.addCol(cost, low, high, 0, [], [])
        return highs.getNumCol() - 1

    def row(low: float, high: float, entries: list[tuple[int, float]]) -> None:
        kept = [(c, v) for c, v in entries if v]
        highs.addRow(low, high, len(kept), [c for c, _ in kept], [v for _, v in kept])

    far = radius * (1 + 1e-9)
    u = [column(0.0, -far, far) for _ in range(d)]  # u = z - x
    sizes = [column(1.0, 0.0, far) for _ in range(d if search.norm == 1 else 1)]
    for i in range(d):
        t = sizes[i if search.norm == 1 else 0]
        row(0.0, kHighsInf, [(t, 1.0), (u[i], 1.0)])
        row(0.0, kHighsInf, [(t, 1.0), (u[i], -1.0)])

    inputs, constant = u, network.weights[0][net] @ x
    low, high = np.full(d, -far), np.full(d, far)
    for weights, biases in zip(network.weights[:-1], network.biases[:-1], strict=True):
        W, b = weights[net], biases[net] + constant
        centre, spread = W @ (low + high) / 2 + b, np.abs(W) @ (high - low) / 2 * (1 + 1e-9) + 1e-9
        low, high = centre - spread, centre + spread
        outputs = []
        for i in range(len(b)):
            h = column(0.0, 0.0, max(high[i], 0.0))
            outputs.append(h)
            terms = [(c, -w) for c, w in zip(inputs, W[i], strict=True)]
            if high[i] <= 0:
                continue
            row(b[i], b[i] if low[i] >= 0 else kHighsInf, [(h, 1.0), *terms])
            if low[i] < 0:
                a = column(0.0, 0.0, 1.0)
                highs.changeColIntegrality(a, HighsVarType.kInteger)
                row(-kHighsInf, b[i] - low[i], [(h, 1.0), *terms, (a, -low[i])])
                row(-kHighsInf, 0.0, [(h, 1.0), (a, -high[i])])
        inputs, constant = outputs, np.zeros(1)
        low, high = np.maximum(low, 0.0), np.maximum(high, 0.0)
    V, c = network.weights[-1][net], network.biases[-1][net]
    row(-kHighsInf, -search.slack - (c[y] - c[rival]), [*zip(inputs, V[y] - V[rival], strict=True)])
    highs.run()
    status, found = highs.getModelStatus(), highs.getInfo()
    if status == HighsModelStatus.kInfeasible:
        return None, radius, max(int(found.mip_node_count), 0), False
    z = x + np.asarray(highs.getSolution().col_value[:d]) if found.primal_solution_status == 2 else None
    bound = found.mip_dual_bound if status != HighsModelStatus.kOptimal else found.objective_function_value
    return z, max(float(bound), 0.0), max(int(found.mip_node_count), 0), status != HighsModelStatus.kOptimal
