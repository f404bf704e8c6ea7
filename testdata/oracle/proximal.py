"""Cases of the rules whose formulas the compiler derives: proximal gradients, projections, Frank-Wolfe, mirror descent and
hypergradients. The references are jaxopt, optax, pyproximal, copt, SciPy's linear programs and the authors' hypergradient code.
"""

import math

import copt.constraint
import jax
import jax.numpy as jnp
import jaxopt
import numpy as np
import optax
import pyproximal
import scipy.optimize
import torch

import hypergrad

FEW = [{"shape": [7]}, {"shape": [3, 5]}, {"shape": []}, {"shape": [2, 3, 4]}]
POSITIVE = [{**t, "init": "positive"} for t in FEW]
VECTORS = [{"shape": [7]}, {"shape": [15]}, {"shape": [24]}]
MATRICES = [{"shape": [7, 3]}, {"shape": [3, 5]}, {"shape": [9]}, {"shape": [4, 4]}]


class Stateless:
    """x <- after(x - lr*g, lr), tensor by tensor; after is the reference."""

    def __init__(self, packages, lr, after):
        self.packages, self.lr, self.after = packages, lr, after

    def start(self, params):
        self.p = [np.array(a) for a in params]

    def step(self, grads):
        with jax.disable_jit():
            self.p = [np.array(self.after(x - self.lr * g, self.lr), x.dtype) for x, g in zip(self.p, grads)]

    def params(self):
        return [a.copy() for a in self.p]

    def states(self):
        return {}

    def scalars(self):
        return {}


class Toward(Stateless):
    """Frank-Wolfe's x <- x + 2/(k+2)*(s - x), k from 0; lmo(g, x) gives s - x."""

    def __init__(self, packages, lmo):
        self.packages, self.lmo, self.k = packages, lmo, 0

    def start(self, params):
        super().start(params)
        self.k = 0

    def step(self, grads):
        rate = 2.0 / (self.k + 2)
        self.p = [np.array(x + rate * self.lmo(g, x).astype(x.dtype)) for x, g in zip(self.p, grads)]
        self.k += 1


class Jaxopt(Stateless):
    """A solver of jaxopt on all tensors as one tree. It is told the gradient of each step."""

    packages = ("jaxopt", "jax")

    def __init__(self, make, hyper, accelerated=False):
        self.make, self.hyper, self.accelerated = make, hyper, accelerated

    def start(self, params):
        self.solver = self.make(lambda x, grads: (jnp.zeros(()), grads))
        self.x = [jnp.asarray(a) for a in params]
        self.state = self.solver.init_state(self.x, self.hyper, self.x)

    def step(self, grads):
        with jax.disable_jit():
            self.x, self.state = self.solver.update(self.x, self.state, self.hyper, [jnp.asarray(g) for g in grads])

    def params(self):
        return [np.array(a) for a in (self.state.velocity if self.accelerated else self.x)]

    def states(self):
        return {"average": [np.array(a) for a in self.x]} if self.accelerated else {}

    def scalars(self):
        return {"t": float(self.state.t)} if self.accelerated else {}


class Hyper(Stateless):
    """The authors' optimizers, which take one group: one for every other tensor, as the proofs' groups are, each on its
    tensors in one vector, since AdamHD steps its learning rate from tensor to tensor."""

    packages = ("hypergradient-descent 020d608", "torch")

    def __init__(self, make, rename):
        self.make, self.rename = make, rename

    def start(self, params):
        self.shapes = [a.shape for a in params]
        self.flat = [torch.nn.Parameter(torch.from_numpy(self._join(params, k))) for k in (0, 1)]
        self.opts = [self.make([p]) for p in self.flat]

    def _join(self, arrays, k):
        return np.concatenate([np.asarray(a).ravel() for a in arrays[k::2]])

    def _parts(self, flats):
        out, at = [], [0, 0]
        for i, shape in enumerate(self.shapes):
            n = int(np.prod(shape))
            out.append(np.array(flats[i % 2][at[i % 2] : at[i % 2] + n]).reshape(shape))
            at[i % 2] += n
        return out

    def step(self, grads):
        for k, (p, opt) in enumerate(zip(self.flat, self.opts)):
            p.grad = torch.from_numpy(self._join(grads, k))
            opt.step()

    def params(self):
        return self._parts([p.detach().numpy() for p in self.flat])

    def states(self):
        names = {n for p, opt in zip(self.flat, self.opts) for n in opt.state[p]} & self.rename.keys()
        found = {self.rename[n]: self._parts([opt.state[p][n].numpy() for p, opt in zip(self.flat, self.opts)]) for n in names}
        if "grad_prev" in found:
            found["dx"] = [-a for a in found.pop("grad_prev")]
        if "exp_avg" in found:  # AdamHD makes it of its moments in the next step
            found["dx"] = self._parts([-self._direction(p, opt) for p, opt in zip(self.flat, self.opts)])
        return found

    def _direction(self, p, opt):
        s, group = opt.state[p], opt.param_groups[0]
        (b1, b2), n = group["betas"], s["step"]
        return (s["exp_avg"] / s["exp_avg_sq"].sqrt().add(group["eps"])).numpy() * (math.sqrt(1 - b2**n) / (1 - b1**n))

    def scalars(self):
        return {f"lr{k}": float(opt.param_groups[0]["lr"]) for k, opt in enumerate(self.opts)}


def declare(case):
    proximal(case)
    constrained(case)
    mirrored(case)
    hypers(case)


def each(operator):
    """An operator of pyproximal on a tensor's values."""
    return lambda v, step: np.asarray(operator.prox(np.array(v).ravel(), step)).reshape(v.shape)


def proximal(case):
    f = "v = x - lr*g; x <- the u with the least lr*P(u) + (u - v)^2/2; "
    p = jaxopt.prox
    for name, lr, lam, penalty, call, packages, after, formula in (
        ("l1", 0.05, 0.2, "l1", "jaxopt.prox.prox_lasso(v, 0.2, 0.05)", ("jaxopt", "jax"), lambda v, s: p.prox_lasso(jnp.asarray(v), 0.2, s), "P = lambda*abs(u)"),
        ("elastic", 0.1, 0.3, "elastic_net", "jaxopt.prox.prox_elastic_net(v, (0.15, 1.0), 0.1)", ("jaxopt", "jax"),
         lambda v, s: p.prox_elastic_net(jnp.asarray(v), (0.15, 1.0), s), "P = lambda*(0.5*abs(u) + 0.25*u^2)"),
        ("ridge", 0.1, 0.6, "ridge", "jaxopt.prox.prox_ridge(v, 0.6, 0.1)", ("jaxopt", "jax"), lambda v, s: p.prox_ridge(jnp.asarray(v), 0.6, s), "P = 0.5*lambda*u^2"),
        ("scad", 0.1, 0.25, "scad", "pyproximal.SCAD(0.25, 3.7).prox(v, 0.1)", ("pyproximal", "numpy"), each(pyproximal.SCAD(0.25, 3.7)),
         "P = lambda*abs(u) up to lambda, (7.4*lambda*abs(u) - u^2 - lambda^2)/5.4 up to 3.7*lambda, then 2.35*lambda^2"),
        ("l0", 0.1, 0.02, "l0", "pyproximal.L0(sqrt(2*0.02/0.1)).prox(v, 0.1)", ("pyproximal", "numpy"), each(pyproximal.L0(np.sqrt(2 * 0.02 / 0.1))),
         "P = lambda where u is not 0; the reference is told the threshold sqrt(2*lr*lambda) over lr"),
        ("log", 0.1, 0.3, "log_sum", "pyproximal.Log(0.3*log(2), 1.0).prox(v, 0.1)", ("pyproximal", "numpy"), each(pyproximal.Log(0.3 * np.log(2.0), 1.0)), "P = lambda*log(1 + abs(u))"),
    ):
        case(f"prox_sgd-{packages[0]}-{name}", "prox_sgd", Stateless(packages, lr, after), f + formula, call=f"{call} after v = x - lr*g",
             tensors=FEW + [{"shape": [5], "grad": "zero"}], options={"penalty": penalty}, **{"lr": lr, "lambda": lam})
    f = ("v = x - lr*g; z <- sign(v)*max(abs(v) - lr*lambda, 0), z = x0 before; s' = (1 + sqrt(1 + 4*s^2))/2, s = 1 before; x <- z + (s-1)/s'*(z - old z); s <- s'; "
         "the scalar t is s; z is to be evaluated")
    for name, lr, lam in (("default", 0.01, 0.1), ("all", 0.03, 0.2)):
        make = lambda fun, lr=lr: jaxopt.ProximalGradient(fun, prox=p.prox_lasso, value_and_grad=True, stepsize=lr, acceleration=True, implicit_diff=False, jit=False)
        case(f"fista-jaxopt-{name}", "fista", Jaxopt(make, lam, accelerated=True), f, tensors=FEW, quadratic=True, dtypes=("f64", "f32"),
             call=f"jaxopt.ProximalGradient(prox=prox_lasso, stepsize={lr}, acceleration=True).update(x, state, {lam})", options={"penalty": "l1"}, **{"lr": lr, "lambda": lam})
    f = "v = x - lr*g; x <- v*max(0, 1 - lr*lambda/norm(v)), norm of each "
    for over, axis, lam in (("each_row", 0, 0.3), ("each_col", 1, 0.4), ("whole", None, 0.8)):
        def after(v, s, axis=axis, lam=lam):
            v = jnp.asarray(v)
            if axis is None:
                return p.prox_group_lasso(v, lam, s)
            m = v.reshape(1, -1) if v.ndim < 2 else v.reshape(v.shape[0], -1)  # a vector has one row
            return jax.vmap(lambda u: p.prox_group_lasso(u, lam, s), in_axes=axis, out_axes=axis)(m).reshape(v.shape)
        # Near the threshold 1 - lr*lambda/norm cancels.
        case(f"group_lasso-jaxopt-{over}", "group_lasso", Stateless(("jaxopt", "jax"), 0.1, after), f + {"each_row": "row", "each_col": "column", "whole": "tensor"}[over],
             tensors=MATRICES, call=f"jaxopt.prox.prox_group_lasso(v, {lam}, 0.1) of each {over} of v = x - lr*g", options={"over": over}, tolerance={"f32": 3e-6}, **{"lr": 0.1, "lambda": lam})


def constrained(case):
    f = "v = x - lr*g; x <- the nearest to v of the tensors with "
    q = optax.projections
    for name, call, onto, formula, hypers in (
        ("l2ball", "projection_l2_ball(v, 1.3)", lambda v: q.projection_l2_ball(v, 1.3), "norm(u) <= radius", {"radius": 1.3}),
        ("l1ball", "projection_l1_ball(v, 1.5)", lambda v: q.projection_l1_ball(v, 1.5), "norm1(u) <= radius", {"radius": 1.5}),
        ("linfball", "projection_linf_ball(v, 0.2)", lambda v: q.projection_linf_ball(v, 0.2), "max(abs(u)) <= radius", {"radius": 0.2}),
        ("simplex", "projection_simplex(v, 1.2)", lambda v: q.projection_simplex(v, 1.2), "u >= 0 and sum(u) = radius", {"radius": 1.2}),
        ("nonneg", "projection_non_negative(v)", q.projection_non_negative, "u >= 0", {}),
        ("box", "projection_box(v, -0.1, 0.3)", lambda v: q.projection_box(v, -0.1, 0.3), "lo <= u <= hi", {"lo": -0.1, "hi": 0.3}),
    ):
        flat = name in ("l1ball", "simplex")  # optax sorts vectors
        def after(v, s, onto=onto, flat=flat):
            v = jnp.asarray(v)
            return onto(v.ravel()).reshape(v.shape) if flat else onto(v)
        tensors = VECTORS if name == "nonneg" else [t for t in FEW if t["shape"]]
        case(f"projected_sgd-optax-{name}", "projected_sgd", Stateless(("optax", "jax"), 0.1, after), f + formula, tensors=tensors,
             call=f"optax.projections.{call} of each tensor of v = x - 0.1*g", options={"set": name}, **{"lr": 0.1, **hypers})
    f = "s = the tensor with the least dot(s, g) of those with {}; x <- x + 2/(t+1)*(s - x)"

    def program(rows, right, bounds):
        """s - x by SciPy's linear programs."""
        def lmo(g, x):
            n = g.size
            found = scipy.optimize.linprog(g.astype(np.float64).ravel(), A_eq=np.ones((1, n)) if rows else None, b_eq=[right] if rows else None, bounds=bounds, method="highs-ds")
            if found.status != 0:
                raise ValueError(found.message)
            return found.x.astype(x.dtype).reshape(x.shape) - x
        return lmo

    def corner(g, x):
        return copt.constraint.L1Ball(2.5).lmo(-g.ravel(), x.ravel())[0].reshape(x.shape)

    kw = dict(tensors=[t for t in FEW if t["shape"]], quadratic=True, dtypes=("f64", "f32"))
    case("frank_wolfe-copt-l1ball", "frank_wolfe", Toward(("copt", "numpy"), corner), f.format("norm1(s) <= radius"), call="copt.constraint.L1Ball(2.5).lmo(-g, x), the step 2/(k+2)",
         options={"set": "l1ball"}, radius=2.5, **kw)
    case("frank_wolfe-scipy-linfball", "frank_wolfe", Toward(("scipy", "numpy"), program(False, 0, (-0.7, 0.7))), f.format("max(abs(s)) <= radius"),
         call="scipy.optimize.linprog(g, bounds=(-0.7, 0.7)), the step 2/(k+2)", options={"set": "linfball"}, radius=0.7, **kw)
    case("frank_wolfe-scipy-simplex", "frank_wolfe", Toward(("scipy", "numpy"), program(True, 1.6, (0, None))), f.format("s >= 0 and sum(s) = radius"),
         call="scipy.optimize.linprog(g, A_eq=ones, b_eq=1.6, bounds=(0, None)), the step 2/(k+2)", options={"set": "simplex"}, radius=1.6, **kw)


def mirrored(case):
    f = "x <- x*exp(-lr*g), x0 positive"
    maps = jaxopt.MirrorDescent.make_projection_grad
    tree = lambda one: (lambda v, *_: jax.tree_util.tree_map(one, v))
    def add(name, rule, onto, image, formula, call, lr, tensors=POSITIVE, **kw):
        told = lambda x, grads: sum(jnp.vdot(a, g) for a, g in zip(x, grads))  # whose gradient is grads
        make = lambda fun: jaxopt.MirrorDescent(told, projection_grad=maps(tree(onto), tree(image)), stepsize=lr, implicit_diff=False, jit=False)
        case(name, rule, Jaxopt(make, None), formula, tensors=tensors, call=call, lr=lr, **kw)
    text = "jaxopt.MirrorDescent(projection_grad=make_projection_grad({}, {}), stepsize={})"
    add("mirror_descent-jaxopt-entropy", "mirror_descent", jnp.exp, jnp.log, f, text.format("exp", "log", 0.1), 0.1, options={"map": "entropy"}, tolerance={"f32": 2e-6})
    add("mirror_descent-jaxopt-square", "mirror_descent", lambda v: v, lambda v: v, "x <- x - lr*g", text.format("identity", "identity", 0.05), 0.05, tensors=FEW, options={"map": "half_square"})
    f = "w = x*exp(-lr*g), x0 positive; x <- w/sum(w), sum over each tensor"
    soft = lambda v: jax.nn.softmax(v, axis=None)
    for name, lr in (("default", 0.1), ("all", 0.7)):
        tensors = [t for t in POSITIVE if t["shape"]]  # the sum of one number is it
        add(f"exponentiated_gradient-jaxopt-{name}", "exponentiated_gradient", soft, jnp.log, f, text.format("softmax", "log", lr), lr, tensors=tensors, tolerance={"f32": 2e-6})


def hypers(case):
    f = ("m <- g if t == 1 else momentum*m + (1-dampening)*g; d = g if momentum == 0 else m; a <- a + rate*dot(g, old d), a = lr before, over the tensors of a group, which are every other one; "
         "x <- x - a*d; the states m and -d, and a of each group")
    for name, args, more in (
        ("default", dict(lr=0.01, hypergrad_lr=1e-3), dict(momentum=0, dampening=0)),
        ("momentum", dict(lr=0.02, hypergrad_lr=5e-4, momentum=0.8, dampening=0.3), dict(momentum=0.8, dampening=0.3)),
    ):
        text = ", ".join(f"{k}={v}" for k, v in args.items())
        ref = Hyper(lambda ps, args=args: hypergrad.SGDHD(ps, **args), {"grad_prev": "grad_prev", "momentum_buffer": "momentum_buffer"})
        case(f"hypergradient-authors-sgd-{name}", "hypergradient_sgd", ref, f, call=f"hypergrad.SGDHD({text}) on each group's tensors", lr=args["lr"], rate=args["hypergrad_lr"], **more)
    f = ("g <- g + weight_decay*x; a <- a + rate*dot(g, old d), a = lr before, over the tensors of a group, which are every other one; m <- beta1*m + (1-beta1)*g; v <- beta2*v + (1-beta2)*g^2; "
         "d = sqrt(1-beta2^t)/(1-beta1^t)*m/(sqrt(v) + eps); x <- x - a*d; the states m, v and -d, and a of each group")
    for name, args in (
        ("default", dict(lr=1e-3, hypergrad_lr=1e-4, betas=(0.9, 0.999), eps=1e-3, weight_decay=0)),
        ("all", dict(lr=0.01, hypergrad_lr=1e-3, betas=(0.8, 0.95), eps=1e-2, weight_decay=0.1)),
    ):
        text = ", ".join(f"{k}={v}" for k, v in args.items())
        ref = Hyper(lambda ps, args=args: hypergrad.AdamHD(ps, **args), {"exp_avg": "exp_avg", "exp_avg_sq": "exp_avg_sq"})
        case(f"adam_hd-authors-{name}", "adam_hd", ref, f, call=f"hypergrad.AdamHD({text}) on each group's tensors in one vector",
             lr=args["lr"], rate=args["hypergrad_lr"], beta1=args["betas"][0], beta2=args["betas"][1], eps=args["eps"], weight_decay=args["weight_decay"])
