"""Drivers of references that need more than a gradient, or that would leave the parameters' type.

They answer what those of references.py answer: step(grads), params(), states() and scalars(). Where a
reference goes down to bfloat16 or float32 whatever the parameters' type, `keeping` makes it stay in that
type; nothing else of a reference is changed.
"""

import contextlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch

from references import Optax, Torch


@contextlib.contextmanager
def keeping(dtype):
    """Tensors stay in their type where the reference writes bfloat16(), float() or, of float64 ones,
    to(torch.float32), and PyTorch's scalar states (nadam's mu_product) are float64."""
    to, b16, f32, default = torch.Tensor.to, torch.Tensor.bfloat16, torch.Tensor.float, torch.get_default_dtype()
    if dtype == np.float64:
        torch.Tensor.to = lambda self, *a, **k: self if a and a[0] is torch.float32 else to(self, *a, **k)
    torch.Tensor.bfloat16 = lambda self: self.clone()
    torch.Tensor.float = lambda self: self
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.Tensor.to, torch.Tensor.bfloat16, torch.Tensor.float = to, b16, f32
        torch.set_default_dtype(default)


class Kept(Torch):
    """A PyTorch optimizer that keeps the parameters' type.

    each: states that are one number a tensor, stored as the scalars NAME0, NAME1 and so on; group: entries of
    the parameter group, and single: states that are the same number for all tensors, both stored as scalars;
    rename: our name of a state, None to leave it out.
    """

    def __init__(self, make, *, packages=("torch",), each=(), group=(), single=(), rename=None):
        super().__init__(make)
        self.packages, self.each, self.group, self.single, self.rename = packages, each, group, single, rename or {}

    def start(self, params):
        self.dtype = params[0].dtype
        with keeping(self.dtype):
            super().start(params)
            if hasattr(self.opt, "train"):
                self.opt.train()  # schedule-free: the parameters are y

    def step(self, grads):
        with keeping(self.dtype):
            super().step(grads)

    def states(self):
        found = {}
        for i, p in enumerate(self.p):
            for name, v in self.opt.state[p].items():
                self._keep(found, i, name, v)
        return found

    def _keep(self, found, i, name, v):
        """Puts one state of tensor i where it belongs; lists become NAME_0, NAME_1."""
        name = self.rename.get(name, name)
        if name in self.each or name in self.single or name in ("step", None):
            return
        if isinstance(v, (list, tuple)):
            for k, one in enumerate(v):
                self._keep(found, i, f"{name}_{k}", one)
        elif torch.is_tensor(v):
            found.setdefault(name, [None] * len(self.p))[i] = v.detach().numpy().copy()

    def scalars(self):
        group = self.opt.param_groups[0]
        found = {self.rename.get(n, n): float(group[n]) for n in self.group if n in group}
        found |= {n: float(self.opt.state[self.p[0]][n]) for n in self.single if n in self.opt.state[self.p[0]]}
        for i, p in enumerate(self.p):
            for n in self.each:
                if n in self.opt.state[p]:
                    found[f"{n}{i}"] = float(self.opt.state[p][n])
        return found


class Sam(Kept):
    """The gradient is taken again at the perturbed point."""

    def step(self, grads):
        with keeping(self.dtype):
            for p, g in zip(self.p, grads):
                p.grad = torch.from_numpy(np.array(g))
            self.opt.step(self._closure)

    def _closure(self):
        for p, g in zip(self.p, self.grad_at(self.params())):
            p.grad = torch.from_numpy(np.array(g))
        return torch.zeros(())

    def states(self):
        return {n: a for n, a in super().states().items() if n != "old_p"}


class Lbfgs(Kept):
    """PyTorch keeps one flat vector of all tensors; states are its parts. Pairs are numbered from the oldest."""

    def step(self, grads):
        def closure():
            for p, g in zip(self.p, grads):
                p.grad = torch.from_numpy(np.array(g))
            return torch.zeros(())

        with keeping(self.dtype):
            self.opt.step(closure)

    def _flat(self):
        s = self.opt.state[self.p[0]]
        if "d" not in s:
            return
        yield "d", s["d"]
        yield "prev_grad", s["prev_flat_grad"]
        for k, (y, step) in enumerate(zip(s["old_dirs"], s["old_stps"])):
            yield f"y{k}", y
            yield f"s{k}", step

    def states(self):
        sizes, found = [p.numel() for p in self.p], {}
        for name, flat in self._flat():
            found[name] = [a.numpy().copy() for a in torch.split(flat, sizes)]
        return found

    def scalars(self):
        s = self.opt.state[self.p[0]]
        found = {"moved": float(s.get("t", 0)), "H_diag": float(s.get("H_diag", 0))}
        return found | {"pairs": float(len(s.get("old_dirs", [])))}


class OptaxMore(Optax):
    """An optax transformation that may be told the loss or asked for the gradient elsewhere.

    each and rename are as in Kept; average, if given, makes the point of evaluation from (state, params).
    """

    def __init__(self, make, *, each=(), single=(), rename=None, average=None, told=(), pair=False):
        super().__init__(make)
        self.each, self.single, self.rename = each, single, rename or {}
        self.average, self.told, self.pair = average, told, pair

    def start(self, params):
        self.p = [jnp.asarray(a) for a in params]
        if self.pair:  # lookahead holds fast and slow parameters
            self.p = optax.LookaheadParams.init_synced(self.p)
        self.opt = self.make()
        self.state = self.opt.init(self.p)
        self.lr = None

    def step(self, grads):
        extra = {}
        if "value" in self.told:
            extra["value"] = jnp.asarray(self.loss_at(self.params()))
        if "obj_fn" in self.told:
            bowl = [(jnp.asarray(h), jnp.asarray(c)) for h, c in self.bowl]
            extra["obj_fn"] = lambda p: sum((0.5 * h * (x - c) ** 2).sum() for (h, c), x in zip(bowl, p))
        if "grad_fn" in self.told:
            extra["grad_fn"] = lambda p, i: [jnp.asarray(g) for g in self.grad_at([np.array(a) for a in p])]
        with jax.disable_jit():  # conditions and loops would be compiled anew in every step
            updates, self.state = self.opt.update([jnp.asarray(g) for g in grads], self.state, self.p, **extra)
        self.p = optax.apply_updates(self.p, updates)

    def params(self):
        return [np.array(a) for a in (self.p.fast if self.pair else self.p)]

    def states(self):
        found = {}
        for name, v in self._fields():
            name = self.rename.get(name, name)
            if isinstance(v, list) and name is not None and name not in self.each:
                self._merge(found.setdefault(name, [None] * len(v)), v)
        if self.pair:
            found["slow"] = [np.array(a) for a in self.p.slow]
        if self.average:
            found["average"] = [np.array(a) for a in self.average(self.state, self.p)]
        return found

    def _merge(self, into, arrays):
        """Of transformations that share the tensors among them, each has states for some."""
        for i, a in enumerate(arrays):
            if not isinstance(a, optax.MaskedNode):
                if into[i] is not None:
                    raise ValueError("two states of one name")
                into[i] = np.array(a)

    def scalars(self):
        found = {}
        for name, v in self._fields():
            name = self.rename.get(name, name)
            if name in self.single:
                found[name] = float(v)
            if name in self.each:
                found |= {f"{name}{i}": float(a) for i, a in enumerate(v)}
        return found

    def _fields(self):
        """Every named leaf list or number of the state, however deep."""
        found = []

        def walk(node):
            if hasattr(node, "_fields"):
                for name, value in zip(node._fields, node):
                    if isinstance(value, list) or not isinstance(value, (tuple, dict)):
                        found.append((name, value))
                    else:
                        walk(value)
            elif isinstance(node, dict):
                for value in node.values():
                    walk(value)
            elif isinstance(node, tuple):
                for child in node:
                    walk(child)

        walk(self.state)
        return found


class Matrices:
    """Gives the reference every tensor of rank > 2 as a matrix: the first dimension by all the others."""

    def __init__(self, inner):
        self.inner, self.packages = inner, inner.packages

    def start(self, params):
        self.shapes = [a.shape for a in params]
        self.inner.start([self._view(a) for a in params])

    def _view(self, a):
        return a.reshape(a.shape[0], -1) if a.ndim > 2 else a

    def step(self, grads):
        self.inner.step([self._view(g) for g in grads])

    def params(self):
        return [a.reshape(s) for a, s in zip(self.inner.params(), self.shapes)]

    def states(self):
        return self.inner.states()

    def scalars(self):
        return self.inner.scalars()
