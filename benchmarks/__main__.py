"""`python -m benchmarks`: runs every benchmark, prints its table and writes RESULTS.md beside this file."""

from __future__ import annotations

from pathlib import Path

from benchmarks import basis_pursuit, layered, learners, margins, regions, rho, scale, shrinkage, throughput, widths
from verify.core.arrays import backend
from verify.engine.campaign import machine

SECTIONS = (
    (
        "Certified basis pursuit against a loop",
        "Milliseconds an instance on one BLAS thread, the same instances in the same run. The batch is solved to a "
        "certified relative duality gap of 1e-9; the loop is CVXPY with a parametrised problem and CLARABEL at its "
        "default settings. `ratio` is the loop's time over the batch's. The share counts two products with D an "
        "iteration, at the rate of a float64 product (256, n) x (n, m) measured in the same run.",
        basis_pursuit.table,
    ),
    (
        "Shrinkage iterations against a loop over scikit-learn",
        "One BLAS thread; batched FISTA and a loop over scikit-learn's Lasso on the same instances, which share one "
        "matrix, both to a certified relative duality gap of 1e-6. Steps a second count one instance's step as one.",
        shrinkage.table,
    ),
    (
        "Layered basis pursuit against loops",
        "Layers decided a second on one BLAS thread, the same instances in the same run: ours on the predicted "
        "support, certified over all atoms; the rivals over all atoms. Accuracies in units of the noise bound: our "
        "proven bound, and the rivals' largest distance from our answer.",
        layered.table,
    ),
    (
        "The rate of projected gradient descent between its ends",
        "Sandwiches of rho on the l1 descent cone, one BLAS thread: the attained lower end, and the certified upper "
        "end in ball arithmetic. The rivals are SciPy's SLSQP from the same starts and the relaxation compiled anew by "
        "CVXPY for each instance, which gives no certificate.",
        rho.table,
    ),
    (
        "Gaussian widths",
        "Projections of Gaussian vectors onto the l1 descent cone, one BLAS thread.",
        widths.table,
    ),
    (
        "Exact numbers of regions",
        "Regions a second on one thread, the same networks in the same run, in the box [-8, 8]^n. Ours is exact: signs "
        "from floats with a proven bound, in integers where it does not decide. `integers` is the splitter in Python "
        "integers that the tests compare it with. regioncam is compiled and computes in float32 without a bound; "
        "relucent solves linear programmes, and its rate is that of its first 100 cells. `ratio` is ours over "
        "regioncam.",
        regions.table,
    ),
    (
        "Exact input margins",
        "Euclidean margins a second on one thread, between certified ends; the rival is the same walk over regions in "
        "plain Python, with one non-negative least-squares problem a projection, on the same networks and points. "
        "`apart` is the largest relative difference of the two.",
        margins.table,
    ),
    (
        "Small networks trained together",
        "256 networks 64-64-64-10 on batches of 32, one thread, against PyTorch's batched products where it is "
        "installed.",
        learners.table,
    ),
    (
        "The engine: workers and memory",
        "One BLAS thread, the best of two. First table: whole runs, verdicts included. Second: the largest resident "
        "size of a whole process.",
        scale.table,
    ),
    (
        "Theorems",
        "Default parameters and instances, one BLAS thread. `instances/s` and `decided/s`: on one core, sampled, "
        "solved, decided and recorded; `all cores`: the factor that a worker process for each gains. "
        "`engine/kernels`: time over that of the theorem's own functions; in brackets in the middle of a long run. "
        "`recording`: share of the ledger, likewise. `limit`: what the machine would need at least for the counted "
        "operations of a batch, over the time they take, and in brackets the products' share in it. `memory`: arrays "
        "of the largest batch. `slope`: of the time against a size, in logarithms. `first verdict`: a whole process "
        "with 64 instances, page and figures included.",
        throughput.table,
    ),
)


def main() -> None:
    """Runs the sections one after another; nothing else should run on the machine meanwhile."""
    facts = machine(backend("auto"))
    parts = ["# Benchmarks", "Made by `make bench`. " + "; ".join(f"{k} {v}" for k, v in facts.items()) + "."]
    if "device" not in facts:
        parts.append("No GPU was found: the GPU columns are absent.")
    for title, text, table in SECTIONS:
        print(f"## {title}", flush=True)
        lines = table()
        print(lines, flush=True)
        parts += [f"## {title}", text, lines]
    (Path(__file__).parent / "RESULTS.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
