"""Maps of the regions of networks with two inputs, layer by layer, as plain records for a figure."""

from __future__ import annotations

from typing import Any

from verify.core.arrays import to_numpy
from verify.kit.relu import Network
from verify.kit.subdivision import Box, subdivide

DRAWN = 4000  # cells at most in one map
DIGITS = 5  # of a coordinate, relative to the box


def layer_maps(network: Network, box: Box, name: str = "") -> dict[str, dict[str, Any]]:
    """A record for each map, by title: the activation regions of the first of the networks after each layer, coloured
    by the number of active neurons, and its linear regions where the read-out joins some of them.

    A record has ``box``, ``colour`` (what the numbers mean) and ``cells``: pairs of a number and the coordinates
    x, y, x, y, ... of a polygon, counterclockwise. A map of more than :data:`DRAWN` cells is left out, with the maps
    after it.
    ValueError for a network that has not two inputs.
    """
    if network.inputs != 2:
        raise ValueError(f"a map needs two inputs, the network has {network.inputs}")
    first = [tuple(a[:1, ...] for a in part) for part in (network.weights, network.biases)]
    found: dict[str, dict[str, Any]] = {}
    for depth in range(1, len(network.weights) + 1):
        last = depth == len(network.weights)
        readout = (network.readout[0][:1, ...], network.readout[1][:1, ...]) if last and network.readout else None
        complex_ = subdivide(Network(first[0][:depth], first[1][:depth], readout), box)
        active = to_numpy(complex_.patterns()).sum(axis=-1)
        if len(active) > DRAWN:
            break
        polygons = [_rounded(p, box) for p in complex_.polygons()]
        title = f"{name}after layer {depth}: {len(active):,} regions"
        found[title] = _record(box, "active neurons", active, polygons)
        if readout:
            labels = complex_.linear_labels()
            if (count := len(set(labels.tolist()))) < len(active):
                # Neighbours get colours far apart: the fractional parts of multiples of the golden ratio.
                found[f"{name}{count:,} linear regions"] = _record(box, "", labels * 0.6180339887498949 % 1, polygons)
    return found


def _record(box: Box, colour: str, values: Any, polygons: list[list[float]]) -> dict[str, Any]:
    cells = [[round(float(v), 4), p] for v, p in zip(values, polygons, strict=True)]
    return {"box": [float(end) for end in box], "colour": colour, "cells": cells}


def _rounded(polygon: Any, box: Box) -> list[float]:
    from math import floor, log10

    digits = DIGITS - floor(log10(float(box[1]) - float(box[0])))
    return [round(float(v), digits) for v in polygon.reshape(-1)]
