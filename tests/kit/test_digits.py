"""The digits: shapes, ranges, counts that are known, and that they can be told apart."""

from __future__ import annotations

import numpy as np

from verify.kit.digits import CLASSES, LARGEST, digits


def test_what_is_known_of_the_file():
    images, labels = digits()
    assert images.shape == (1797, 64)
    assert labels.shape == (1797,)
    assert images.dtype == labels.dtype == np.uint8
    assert images.max() == LARGEST
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert len(set(labels.tolist())) == CLASSES
    assert int(images.sum()) == 561718


def test_the_first_image_is_a_zero():
    images, labels = digits()
    assert labels[0] == 0
    assert images[0].reshape(8, 8)[3].tolist() == [0, 4, 12, 0, 0, 8, 8, 0]


def test_the_nearest_of_the_first_half_names_most_of_the_second():
    images, labels = digits()
    x = images.astype(float)
    train, test = x[:900], x[900:]
    distances = (test**2).sum(1)[:, None] - 2 * test @ train.T + (train**2).sum(1)
    assert (labels[:900][distances.argmin(1)] == labels[900:]).mean() > 0.95
