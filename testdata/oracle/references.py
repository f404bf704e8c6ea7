"""Drivers of the real optimizers: both answer step(grads), params(), states() and scalars().

PyTorch runs its single-tensor code (foreach=False) on one thread. optax runs eagerly, so no compiler
fuses its arithmetic, with jax_enable_x64: in a float32 case the arrays are float32 and the scalars that
optax computes from the step counter (bias corrections, schedules) are float64 until they meet an array.
"""

import os

os.environ["ATEN_CPU_CAPABILITY"] = "default"
os.environ["XLA_FLAGS"] = "--xla_cpu_max_isa=SSE4_2"
os.environ["JAX_PLATFORMS"] = "cpu"

from importlib.metadata import version

import dog
import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch

jax.config.update("jax_enable_x64", True)
torch.set_num_threads(1)


def versions(*packages):
    return ", ".join(p if " " in p else f"{p} {version(p)}" for p in packages)


class _Holder(torch.nn.Module):
    def __init__(self, params):
        super().__init__()
        self.items = torch.nn.ParameterList(params)


class Torch:
    """A torch.optim.Optimizer over all tensors as one group.

    prepare, if given, changes the gradients before the step; average is the gamma of DoG's averager.
    """

    packages = ("torch",)

    def __init__(self, make, prepare=None, average=None):
        self.make, self.prepare, self.gamma = make, prepare, average

    def start(self, params):
        self.p = [torch.nn.Parameter(torch.from_numpy(np.array(a))) for a in params]
        self.opt = self.make(self.p)
        self.averager = None
        if self.gamma is not None:
            self.averager = dog.PolynomialDecayAverager(_Holder(self.p), gamma=self.gamma)

    def step(self, grads):
        for p, g in zip(self.p, grads):
            p.grad = torch.from_numpy(np.array(g))
        if self.prepare:
            self.prepare(self.p)
        self.opt.step()
        if self.averager:
            self.averager.step()

    def params(self):
        return [p.detach().numpy().copy() for p in self.p]

    def states(self):
        names = sorted({k for s in self.opt.state.values() if isinstance(s, dict) for k in s} - {"step"})
        found = {n: [self.opt.state[p][n].numpy().copy() for p in self.p] for n in names}
        if self.averager:
            found["average"] = [p.detach().numpy().copy() for p in self.averager.averaged_model.items]
        return found

    def scalars(self):
        """DoG's rbar and G; L-DoG has one of each a tensor, named rbar0, G0, rbar1 and so on."""
        group, found = self.opt.param_groups[0], {}
        for name in {"rbar", "G"} & group.keys():
            if group[name].dim() == 0:
                found[name] = float(group[name])
            else:
                found |= {f"{name}{i}": float(v) for i, v in enumerate(group[name])}
        return found


class Dog(Torch):
    packages = ("dog-optimizer", "torch")


class LionPytorch(Torch):
    packages = ("lion-pytorch", "torch")


def exact(schedule):
    """The schedule, fed its step count as float64: optax would divide an int32 count in float32."""
    return lambda count: schedule(jnp.asarray(count, jnp.float64))


class Optax:
    """An optax gradient transformation; schedule is recorded as the scalar learning_rate."""

    packages = ("optax", "jax")

    def __init__(self, make, schedule=None):
        self.make, self.schedule = make, schedule

    def start(self, params):
        self.p = [jnp.asarray(a) for a in params]
        self.opt = self.make()
        self.state = self.opt.init(self.p)
        self.lr = None

    def step(self, grads):
        if self.schedule:
            self.lr = float(self.schedule(self._count()))  # the count before this step
        updates, self.state = self.opt.update([jnp.asarray(g) for g in grads], self.state, self.p)
        self.p = optax.apply_updates(self.p, updates)

    def params(self):
        return [np.array(a) for a in self.p]

    def states(self):
        return {n: [np.array(a) for a in v] for n, v in self._fields() if isinstance(v, list)}

    def scalars(self):
        found = {n: float(v) for n, v in self._fields() if n in ("max_dist", "sum_sq_norm_grads")}
        if self.lr is not None:
            found["learning_rate"] = self.lr
        return found

    def _count(self):
        return next(v for n, v in reversed(list(self._fields())) if n == "count")

    def _fields(self):
        def walk(node):
            for name, value in zip(getattr(node, "_fields", ()), node):
                if name != "init_params":
                    yield name, value
            if not hasattr(node, "_fields"):
                for child in node:
                    yield from walk(child)

        return list(walk(self.state))
