"""Deterministic inputs, the Python half; internal/oracle/generator.go is the other half, bit for bit.

A value is a pure function of (seed, kind, step, tensor, element): a splitmix64 chain gives 64 random
bits, and the float64 is put together from its fields (sign, exponent, 52 random mantissa bits), so no
rounding happens on the way. A float32 case rounds that float64 once, to nearest even.
"""

import hashlib
import math

import numpy as np

GRAD, SCALE, TEMPO, INIT, CURVATURE, CENTRE = range(6)

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def _mix(h, word):
    """One splitmix64 step that absorbs word."""
    z = h + (word + np.uint64(1)) * np.uint64(_GOLDEN)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def bits(seed, kind, step, tensor, count):
    """64 random bits for each of count elements: the chain absorbs seed, kind, step, tensor, element."""
    h = np.zeros(count, np.uint64)
    for word in (seed, kind, step, tensor):
        h = _mix(h, np.full(count, word & _MASK, np.uint64))
    return _mix(h, np.arange(count, dtype=np.uint64))


def _compose(negative, exponent, mantissa):
    """+-(1 + mantissa/2^52) * 2^exponent, from the bits."""
    raw = negative.astype(np.uint64) << np.uint64(63)
    raw |= (exponent + 1023).astype(np.uint64) << np.uint64(52)
    raw |= mantissa >> np.uint64(12)
    return raw.view(np.float64)


def _field(h, shift, modulus):
    """A small integer from the bits of h."""
    return ((h >> np.uint64(shift)) % np.uint64(modulus)).astype(np.int64)


def grad(seed, step, tensor, shape):
    """Gradient of one tensor: each element has its own magnitude over six decades and a preferred sign.

    One element in 16 (but not the first) is never touched, of the others one value in 16 is exactly
    zero; a factor of the step, common to all tensors, lets clipping bite in some steps and not in others.
    """
    count = math.prod(shape)
    own = bits(seed, SCALE, 0, tensor, count)
    now = bits(seed, GRAD, step, tensor, count)
    tempo = _field(bits(seed, TEMPO, step, 0, 1), 0, 6)[0]
    exponent = 2 - _field(own, 8, 20) - _field(now, 0, 3) - tempo
    negative = (_field(own, 0, 2) == 1) ^ (_field(now, 2, 4) == 0)
    untouched = (_field(own, 1, 16) == 0) & (np.arange(count) > 0)
    zero = untouched | (_field(now, 4, 16) == 0)
    return np.where(zero, 0.0, _compose(negative, exponent, now)).reshape(shape)


def init(seed, tensor, shape):
    """Initial parameters over four decades, one in 16 exactly zero."""
    h = bits(seed, INIT, 0, tensor, math.prod(shape))
    value = _compose(_field(h, 0, 2) == 1, 1 - _field(h, 6, 13), h)
    return np.where(_field(h, 1, 16) == 0, 0.0, value).reshape(shape)


def curvature(seed, tensor, shape):
    """h of the quadratic 0.5*h*(x-c)^2, between 2^-5 and 4."""
    h = bits(seed, CURVATURE, 0, tensor, math.prod(shape))
    return _compose(np.zeros(h.shape, bool), 1 - _field(h, 0, 7), h).reshape(shape)


def centre(seed, tensor, shape):
    """c of the quadratic."""
    h = bits(seed, CENTRE, 0, tensor, math.prod(shape))
    return _compose(_field(h, 0, 2) == 1, 1 - _field(h, 1, 5), h).reshape(shape)


def digest(case_inputs):
    """SHA-256 over the little-endian float64 of a sequence of arrays."""
    sha = hashlib.sha256()
    for a in case_inputs:
        sha.update(np.ascontiguousarray(a, dtype="<f8").tobytes())
    return sha.hexdigest()
