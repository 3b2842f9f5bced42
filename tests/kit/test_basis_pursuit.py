from dataclasses import fields

import numpy as np
import pytest

from verify.core.arrays import backend, to_numpy
from verify.kit.basis_pursuit import (
    BasisPursuit,
    Frame,
    Problem,
    basis_pursuit,
    certify,
    noiseless_certificate,
    padded_support,
    polish,
    reference_basis_pursuit,
    support_gram,
    worst_noise,
)
from verify.kit.dictionaries import (
    affine_hadamard,
    conference,
    identity_hadamard,
    simplex,
    transversal,
)

EPS = np.finfo(float).eps
DICTIONARIES = [identity_hadamard(16), conference(13), simplex(7), affine_hadamard(4), transversal(4, 5)]
METHODS = {"path": None, "gradient": 0}


def draw(D, k, batch, seed, radius=0.1):
    """y = D x + noise on the sphere of the radius, with k-sparse x."""
    random = np.random.default_rng(seed)
    n, m = D.shape
    support = np.argsort(random.random((batch, m)), axis=1)[:, :k]
    values = random.choice([-1.0, 1.0], (batch, k)) * np.exp(random.uniform(-1, 2, (batch, k)))
    x = np.zeros((batch, m))
    np.put_along_axis(x, support, values, axis=1)
    noise = random.standard_normal((batch, n))
    noise *= radius / np.linalg.norm(noise, axis=1, keepdims=True)
    return x, support, x @ D.T + noise, np.full(batch, radius)


def worst_instance(D, k, batch, seed, radius):
    """The closed form: y with the worst noise for k-sparse x, and the exact solution."""
    x, support, _, r = draw(D, k, batch, seed, radius)
    mask, signs = np.ones(support.shape, dtype=bool), np.sign(np.take_along_axis(x, support, axis=1))
    noise, g, c = worst_noise(D[None], support, mask, signs, r)
    np.put_along_axis(x, support, signs * (2 + np.abs(np.take_along_axis(x, support, axis=1))), axis=1)
    solution = x.copy()
    exact = np.take_along_axis(x, support, axis=1) - 2 * r[:, None] * g / np.sqrt(c)[:, None]
    np.put_along_axis(solution, support, exact, axis=1)
    return x, x @ D.T + noise, r, solution


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", DICTIONARIES, ids=lambda f: f.name)
def test_agrees_with_an_interior_point_method(family, method):
    _, _, y, radius = draw(family.D, 2, 3, 1)
    ours = basis_pursuit(family.D[None], y, radius, path=METHODS[method])
    assert np.all(ours.converged)
    assert np.all(ours.residual <= radius * (1 + 1e-12))
    for i in range(3):
        theirs, status = reference_basis_pursuit(family.D, y[i], radius[i])
        assert status == "optimal"
        # Their ball is left by `excess`, which can lower the minimum by at most excess * |nu|.
        excess = max(0.0, np.linalg.norm(family.D @ theirs - y[i]) - radius[i])
        size = np.sum(np.abs(ours.x[i]))
        assert size * (1 - ours.gap[i]) <= np.sum(np.abs(theirs)) + excess * np.linalg.norm(ours.nu[i])
        assert np.sum(np.abs(theirs)) <= size * (1 + 1e-6)
        assert np.linalg.norm(theirs - ours.x[i]) <= 1e-3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("family", "k"), [(identity_hadamard(64), 4), (conference(53), 2), (affine_hadamard(8), 2)])
def test_the_worst_noise_has_the_solution_in_closed_form(family, k, method):
    x, y, radius, solution = worst_instance(family.D, k, 20, 2, 0.3)
    assert np.allclose(np.linalg.norm(y - x @ family.D.T, axis=1), radius, rtol=1e-13)
    ours = basis_pursuit(family.D[None], y, radius, path=METHODS[method])
    assert np.all(ours.converged)
    assert np.max(np.abs(ours.x - solution)) <= (1e-12 if method == "path" else 1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_exact_data_are_recovered(method):
    family = identity_hadamard(64)
    x, _, y, radius = draw(family.D, 4, 20, 3, radius=0.0)
    ours = basis_pursuit(family.D[None], y, radius, path=METHODS[method])
    assert np.all(ours.converged & ours.polished)
    assert np.max(np.abs(ours.x - x)) <= 1e-12


def test_a_ball_around_zero_has_the_solution_zero():
    family = simplex(7)
    y = np.vstack([np.zeros(7), np.eye(7)[:2]])
    ours = basis_pursuit(family.D[None], y, np.array([0.0, 1.0, 3.0]))
    assert np.all(ours.converged)
    assert np.all(ours.x == 0)
    assert np.all(ours.gap == 0)


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 10, 40])
def test_the_gap_bounds_the_suboptimality_of_an_early_stop(steps):
    family = affine_hadamard(4)
    _, _, y, radius = draw(family.D, 2, 30, 4)
    minimum = np.sum(np.abs(basis_pursuit(family.D[None], y, radius).x), axis=1)
    for path in METHODS.values():
        early = basis_pursuit(family.D[None], y, radius, max_iterations=steps, path=path)
        size = np.sum(np.abs(early.x), axis=1)
        assert np.all(early.iterations <= steps)
        assert np.all(early.residual <= radius * (1 + 1e-12))
        assert np.all(size - minimum <= early.gap * size)
        assert np.all(size - minimum >= -1e-12 * size)
        assert np.all(early.converged == (early.gap <= 1e-9))


@pytest.mark.parametrize(("path", "steps"), [(None, 2), (0, 25)])
def test_an_early_stop_is_not_converged(path, steps):
    family = identity_hadamard(64)
    _, _, y, radius = draw(family.D, 4, 20, 5)
    early = basis_pursuit(family.D[None], y, radius, max_iterations=steps, path=path)
    assert not np.any(early.converged)
    assert not np.any(early.polished)
    assert np.all(early.gap > 1e-9)


def test_what_cannot_be_solved_is_not_converged():
    D = transversal(4, 5, signs=False).D  # of rank 17 < 20
    y = np.random.default_rng(6).standard_normal((3, 20))
    y[0] = np.nan
    unsolved = basis_pursuit(D[None], y, np.full(3, 0.01), max_iterations=500)
    assert not np.any(unsolved.converged)
    assert np.all(np.isinf(unsolved.gap[1:]))


def test_a_dictionary_of_deficient_rank_is_solved_in_its_range():
    D = transversal(4, 5, signs=False).D
    _, _, y, _ = draw(D, 1, 10, 7, radius=0.1)
    projector = D @ np.linalg.pinv(D)
    rest = np.linalg.norm(y - y @ projector, axis=1)
    for path in METHODS.values():
        ours = basis_pursuit(D[None], y, rest + 0.02, path=path)
        assert np.all(ours.converged)
        assert np.all(ours.residual <= (rest + 0.02) * (1 + 1e-12))


@pytest.mark.parametrize("method", METHODS)
def test_an_instance_does_not_depend_on_its_batch(method):
    family = affine_hadamard(4)
    _, _, y, radius = draw(family.D, 2, 9, 8)
    together = basis_pursuit(family.D[None], y, radius, path=METHODS[method])
    for i in range(9):
        alone = basis_pursuit(family.D[None], y[i : i + 1], radius[i : i + 1], path=METHODS[method])
        assert np.max(np.abs(alone.x - together.x[i])) <= 1e-9
        assert alone.converged[0] == together.converged[i]


def test_a_batch_longer_than_a_chunk_keeps_its_order():
    family = conference(13)
    x, _, y, radius = draw(family.D, 1, 600, 9, radius=1e-3)
    ours = basis_pursuit(family.D[None], y, radius)
    assert np.all(ours.converged)
    assert np.max(np.linalg.norm(ours.x - x, axis=1)) <= 0.01


def test_every_instance_may_have_its_own_dictionary():
    random = np.random.default_rng(10)
    D = random.standard_normal((4, 8, 20))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    y, radius = random.standard_normal((4, 8)), np.full(4, 0.2)
    for path in METHODS.values():
        ours = basis_pursuit(D, y, radius, path=path)
        assert np.all(ours.converged)
        for i in range(4):
            alone = basis_pursuit(D[i : i + 1], y[i : i + 1], radius[i : i + 1])
            assert np.max(np.abs(alone.x - ours.x[i])) <= 1e-8


def test_polish_accepts_the_right_signs_and_no_others():
    family = identity_hadamard(16)
    _, _, y, radius = draw(family.D, 2, 40, 11)
    D = family.D[None]
    right = np.sign(basis_pursuit(D, y, radius).x)
    x, nu, accepted = polish(D, y, radius, right)
    assert np.all(accepted)
    assert np.max(np.abs(np.linalg.norm(y - x @ family.D.T, axis=1) - radius)) <= 1e-13
    assert np.max(np.abs(nu @ family.D)) <= 1 + 1e-12
    wrong = right.copy()
    first = np.argmax(np.abs(right), axis=1)
    wrong[np.arange(40), first] *= -1  # a sign turned
    assert not np.any(polish(D, y, radius, wrong)[2])
    missing = right.copy()
    missing[np.arange(40), first] = 0  # an atom left out
    assert not np.any(polish(D, y, radius, missing)[2])


def test_certify_repairs_any_pair():
    family = conference(13)
    _, _, y, radius = draw(family.D, 2, 50, 12)
    random = np.random.default_rng(12)
    minimum = np.sum(np.abs(basis_pursuit(family.D[None], y, radius).x), axis=1)
    problem = Problem(Frame.of(family.D[None]), y, radius)
    proved = certify(problem, random.standard_normal((50, 14)), random.standard_normal((50, 7)))
    assert np.all(proved.feasible)
    assert np.all(np.linalg.norm(proved.x @ family.D.T - y, axis=1) <= radius * (1 + 1e-12))
    assert np.all(np.max(np.abs(proved.nu @ family.D), axis=1) <= 1)
    size = np.sum(np.abs(proved.x), axis=1)
    assert np.all(minimum >= size * (1 - proved.gap))
    assert np.all(size >= minimum * (1 - 1e-12))


def test_padded_supports():
    signs = np.array([[0.0, -1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    support, mask = padded_support(signs)
    assert support[mask].tolist() == [1, 3, 0]
    assert mask.tolist() == [[True, True], [False, False], [True, False]]
    atoms, gram = support_gram(simplex(3).D[None], support, mask)
    assert np.allclose(gram, [[[1, -1 / 3], [-1 / 3, 1]], np.eye(2), np.eye(2)], atol=1e-15)
    assert np.all(atoms[1] == 0)


def test_the_noiseless_certificate():
    family = conference(53)
    D, mu, k = family.D, family.mu, 4
    _, support, _, _ = draw(D, k, 30, 13)
    signs = np.random.default_rng(13).choice([-1.0, 1.0], support.shape)
    mask = np.ones(support.shape, dtype=bool)
    mask[::2, -1] = False
    ours = noiseless_certificate(D[None], support, mask, signs)
    for i in range(30):
        T, s = support[i][mask[i]], signs[i][mask[i]]
        gram = D[:, T].T @ D[:, T]
        value = np.abs(D.T @ D[:, T] @ np.linalg.solve(gram, s))
        assert abs(ours.value[i] - np.max(np.delete(value, T))) <= 1e-13
        assert abs(ours.smallest[i] - np.linalg.eigvalsh(gram)[0]) <= 1e-14
        assert abs(ours.condition[i] - np.linalg.cond(gram)) <= 1e-12
        size = len(T)
        assert ours.value[i] <= size * mu / (1 - (size - 1) * mu) + 1e-13


def test_a_singular_gram_certifies_nothing():
    support, mask, signs = np.arange(5)[None, :], np.ones((1, 5), dtype=bool), np.ones((1, 5))
    ours = noiseless_certificate(simplex(4).D[None], support, mask, signs)
    assert np.isnan(ours.value[0])
    assert np.isinf(ours.condition[0])


@pytest.mark.parametrize("method", METHODS)
def test_the_strict_library_gives_the_same(method):
    family = identity_hadamard(16)
    _, _, y, radius = draw(family.D, 2, 6, 14)
    radius[0] = 100.0
    strict = backend("strict")
    here = basis_pursuit(family.D[None], y, radius, path=METHODS[method], max_iterations=300)
    there = basis_pursuit(
        *(strict.asarray(v) for v in (family.D[None], y, radius)), path=METHODS[method], max_iterations=300
    )
    for field in fields(BasisPursuit):
        ours, theirs = getattr(here, field.name), to_numpy(getattr(there, field.name))
        assert np.allclose(ours, theirs, rtol=1e-9, atol=1e-12), field.name
    support, mask, signs = np.array([[0, 17], [3, 5]]), np.array([[True, True], [True, False]]), np.ones((2, 2))
    arrays = [strict.asarray(v) for v in (family.D[None], support, mask, signs)]
    certificate = noiseless_certificate(*arrays)
    expected = noiseless_certificate(family.D[None], support, mask, signs)
    assert np.allclose(to_numpy(certificate.value), expected.value)
    noise, _, _ = worst_noise(*arrays, strict.asarray(np.ones(2)))
    assert np.allclose(np.linalg.norm(to_numpy(noise), axis=1), 1)


def test_float32_reaches_what_float32_can():
    family = identity_hadamard(64)
    single = backend("numpy", "float32")
    _, _, y, radius = draw(family.D, 2, 40, 15)
    exact = basis_pursuit(family.D[None], y, radius)
    for path in METHODS.values():
        ours = basis_pursuit(*(single.asarray(v) for v in (family.D[None], y, radius)), gap=1e-3, path=path)
        assert ours.x.dtype == np.float32
        assert np.all(ours.converged)
        size, minimum = np.sum(np.abs(ours.x.astype(float)), axis=1), np.sum(np.abs(exact.x), axis=1)
        assert np.all(size - minimum <= ours.gap * size)


@pytest.mark.parametrize(
    "change", [{"radius": -np.ones(2)}, {"radius": np.ones(3)}, {"y": np.ones((2, 5))}, {"max_iterations": 0}]
)
def test_wrong_arguments_are_refused(change):
    arguments = {"D": simplex(4).D[None], "y": np.ones((2, 4)), "radius": np.ones(2)} | change
    with pytest.raises(ValueError, match="basis_pursuit"):
        basis_pursuit(**arguments)
