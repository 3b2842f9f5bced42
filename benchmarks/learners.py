"""Training of many small networks at once on one thread, against PyTorch.

``python -m benchmarks.learners`` prints a Markdown table; :func:`rows` gives the same as data. 256 networks 64-64-64-10
are trained on the digits with cross-entropy and minibatches of 32 points. The rival is a step of PyTorch on the same
stacked weights (``torch.bmm``, autograd and its own optimiser), where it is installed, on minibatches of its own. A
step is one of all the networks; the error rates after training show that both sides learn. Every time is the best of
three after one warm-up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.basis_pursuit import best_of_three
from benchmarks.markdown import markdown
from verify.core.arrays import Backend, backend, cupy_missing
from verify.core.streams import Draw
from verify.kit.digits import LARGEST, digits
from verify.kit.learners import Training, error_rate, initial, train

NETWORKS, WIDTHS, CLASSES, MINIBATCH, STEPS = 256, (64, 64), 10, 32, 100
OPTIMISERS = {"sgd": 0.1, "adam": 2e-3}  # and their rates


def ours(where: Backend, optimiser: str) -> tuple[float, float]:
    """Seconds for all the steps, and the mean error rate on the training data."""
    images, labels = digits()
    x, y = where.asarray(images[None] / LARGEST), where.asarray(labels[None].astype(np.int64))
    start = initial(Draw(where, 0, 1, 0, NETWORKS), x.shape[-1], WIDTHS, CLASSES)
    found: list[Any] = []

    def task() -> None:
        how = Training(STEPS, OPTIMISERS[optimiser], MINIBATCH, optimiser=optimiser)
        found[:] = [train(start, x, y, Draw(where, 0, 2, 0, NETWORKS), how)]
        found.append(float(where.xp.mean(found[0].weights[0])))  # waits for a device

    return best_of_three(task), float(where.xp.mean(error_rate(found[0], x, y)))


def theirs(dtype: str, optimiser: str) -> tuple[float, float] | None:
    """The same of PyTorch; None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    images, labels = digits()
    x = torch.tensor(images / LARGEST, dtype=getattr(torch, dtype))
    y = torch.tensor(labels.astype(np.int64))
    start = initial(Draw(backend("numpy", dtype), 0, 1, 0, NETWORKS), x.shape[-1], WIDTHS, CLASSES)
    layers = [*zip(start.weights, start.biases, strict=True), start.readout]
    trained: list[Any] = []

    def outputs(points: Any) -> Any:
        h = points
        for number in range(0, len(trained), 2):
            z = torch.baddbmm(trained[number + 1][:, None, :], h, trained[number].transpose(1, 2))
            h = torch.relu(z) if number + 2 < len(trained) else z
        return h

    def task() -> None:
        trained[:] = [torch.tensor(a, requires_grad=True) for layer in layers for a in layer]
        kinds = {"sgd": lambda: torch.optim.SGD(trained, OPTIMISERS["sgd"], momentum=0.9),
                 "adam": lambda: torch.optim.Adam(trained, OPTIMISERS["adam"])}  # fmt: skip
        descent = kinds[optimiser]()
        generator = torch.Generator().manual_seed(0)
        for _ in range(STEPS):
            index = torch.randint(len(x), (NETWORKS * MINIBATCH,), generator=generator)
            z = outputs(x[index].reshape(NETWORKS, MINIBATCH, -1))
            loss = torch.nn.functional.cross_entropy(z.reshape(-1, CLASSES), y[index]) * NETWORKS
            descent.zero_grad()
            loss.backward()
            descent.step()

    seconds = best_of_three(task)
    with torch.no_grad():
        wrong = outputs(x.expand(NETWORKS, -1, -1)).argmax(dim=-1) != y
    return seconds, float(wrong.double().mean())


def rows() -> list[dict[str, Any]]:
    """One record for each precision and optimiser."""
    found = []
    with threadpool_limits(limits=1):
        for dtype in ("float64", "float32"):
            for optimiser in OPTIMISERS:
                seconds, error = ours(backend("numpy", dtype), optimiser)
                row = {"dtype": dtype, "optimiser": optimiser, "steps/s": STEPS / seconds, "error": error}
                if (rival := theirs(dtype, optimiser)) is not None:
                    row |= {"PyTorch steps/s": STEPS / rival[0], "its error": rival[1], "ratio": rival[0] / seconds}
                if cupy_missing() is None:
                    row["GPU steps/s"] = STEPS / ours(backend("cupy", dtype), optimiser)[0]
                found.append(row)
    return found


def table() -> str:
    """The rows as a Markdown table."""
    return markdown(rows())


if __name__ == "__main__":
    print(table())
