"""Compares the Python modules that optc prints with its interpreter, and writes checked.tsv.

    go build -o /tmp/optc ./cmd/optc
    python testdata/python/check.py /tmp/optc [RULE...]

in an environment as testdata/oracle/requirements.txt has it. Every rule of the library runs 20 steps
in float64 on the tensors below, with gradients of testdata/oracle/generator.py, in each host; after
every step parameters, states and points of evaluation are compared with `optc trace --engine interp`.
Rules that ask the model again are given an objective instead. The torch optimizer is saved, made anew
and loaded half-way; the optax one runs compiled, through apply and through update; both run once more
in float32, where types must not change. With RULE..., only their lines of checked.tsv are replaced.
"""

import hashlib
import importlib.util
import inspect
import io
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "oracle"))
import generator  # noqa: E402

jax.config.update("jax_enable_x64", True)
torch.set_num_threads(1)

SEED, STEPS = 20, 20
TENSORS = {"bias": [7], "weight": [3, 5], "scale": [], "kernel": [2, 3, 4], "wide": [33, 32], "tall": [6, 2], "head.weight": [4, 5]}
# Eigenvectors of equal eigenvalues are any basis, and of near ones turn with the last bits: square matrices of full rank, and
# gradients without zeros within two decades.
SQUARE = {"bias": [7], "weight": [3, 3], "scale": [], "kernel": [4, 2, 2], "wide": [6, 6]}
GENTLE = ["soap"]
HOSTS = ["optax", "torch"]

# Objectives of the rules that probe. A diagonal Hessian: what a product with random signs says of it is its diagonal.
OBJECTIVES = {"sam": "(1 - x)^2 + 100*(y - x^2)^2", "sophia": "(x - 1)^4 + 2*(y + 0.5)^2 + exp(y)"}
START = [-0.7, 0.9]


def torch_objective(rule, v):
    x, y = v[0], v[1]
    if rule == "sam":
        return (1 - x) ** 2 + 100 * (y - x**2) ** 2
    return (x - 1) ** 4 + 2 * (y + 0.5) ** 2 + torch.exp(y)


def main():
    global OPTC
    optc, *only = sys.argv[1:]
    OPTC = optc
    rules = re.findall(r"^std/(\w+)", run(optc, "list"), re.M)
    path = HERE / "checked.tsv"
    lines = {}
    if only and path.exists():
        for line in path.read_text().splitlines()[1:]:
            rule, host, _ = line.split("\t", 2)
            lines[rule, host] = line
    with tempfile.TemporaryDirectory() as folder:
        for rule in only or rules:
            for host in HOSTS:
                lines[rule, host] = "\t".join([rule, host, *check(optc, rule, host, folder)])
                print(lines[rule, host], flush=True)
            order = [lines[r, h] for r in rules for h in HOSTS if (r, h) in lines]
            path.write_text("rule\thost\tdigest\tsteps\terror\n" + "\n".join(order) + "\n")


def run(*command, text=None):
    return subprocess.run(command, input=text, text=True, capture_output=True, check=True).stdout


def check(optc, rule, host, folder):
    """The columns after the host: digest, steps and worst error, or the refusal."""
    built = subprocess.run([optc, "build", "--target", host, "-o", folder, "std/" + rule], text=True, capture_output=True)
    if built.returncode != 0:
        reason = built.stderr.strip().partition(f"rule {rule}: ")[2]
        if not reason:
            raise SystemExit(built.stderr)
        return "-", "0", "refused: " + reason
    file = pathlib.Path(folder, f"{rule}_{host}.py")
    module = load(file)
    want = wanted(optc, rule)
    got, states = {"optax": run_optax, "torch": run_torch}[host](module, rule, want)
    want["names"] = named(optc, rule, states)
    types = {"optax": types_optax, "torch": types_torch}[host]
    if rule not in OBJECTIVES:
        types(module, rule)
    worst = max(error(g, w) for step in range(STEPS) for g, w in pairs(got[step], want, step))
    return digest(file.read_text()), str(STEPS), f"{worst:.1e}"


def digest(text):
    """Of the module without the line of optc's version."""
    first, _, rest = text.split("\n", 2)
    return hashlib.sha256((first + "\n" + rest).encode()).hexdigest()[:16]


def load(file):
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def init(rule, dtype=np.float64):
    return {n: generator.init(SEED, i, s).astype(dtype) for i, (n, s) in enumerate(tensors(rule).items())}


def grads(rule, step, dtype=np.float64):
    make = (lambda i, s: generator.centre(SEED + step, i, s)) if rule in GENTLE else (lambda i, s: generator.grad(SEED, step + 1, i, s))
    return {n: make(i, s).astype(dtype) for i, (n, s) in enumerate(tensors(rule).items())}


def tensors(rule):
    return SQUARE if rule in GENTLE else TENSORS


def loss(step):
    return 0.5 + 3.0 / (step + 1)


def wanted(optc, rule):
    """What the interpreter makes of the rule."""
    command = [optc, "trace", "std/" + rule, "--engine", "interp", "--dtype", "f64", "--states"]
    eval_ = " eval " in run(optc, "explain", "std/" + rule) or "schedule_free" in rule or rule in ("asgd", "dog", "ldog")
    if eval_:
        command.append("--eval")
    if rule in OBJECTIVES:
        with tempfile.NamedTemporaryFile("w", suffix=".opt") as f:
            f.write(f"fn objective(x, y) = {OBJECTIVES[rule]}\n")
            f.flush()
            start = ",".join(map(repr, START))
            return json.loads(run(*command, "--objective", f.name + ":objective", "--x", start, "--steps", str(STEPS), "--json"))
    text = {
        "dtype": "f64",
        "params": [{"name": n, "shape": tensors(rule)[n], "data": v.ravel().tolist()} for n, v in init(rule).items()],
        "grads": [[g.ravel().tolist() for g in grads(rule, step).values()] for step in range(STEPS)],
    }
    if "loss" in run(optc, "explain", "std/" + rule):
        text["loss"] = [loss(step) for step in range(STEPS)]
    return json.loads(run(*command, "--input", "-", text=json.dumps(text)))


def pairs(got, want, step):
    """Numbers of the host beside the interpreter's."""
    x, states, points = got
    assert len(x) == len(want["steps"][step])
    yield from zip(x, want["steps"][step])
    for name, values in want["states"][step].items():
        mine = states[want["names"][name]]
        assert len(mine) == len(values), name
        yield from zip(mine, values)
    if "eval" in want:
        yield from zip(points, want["eval"][step])


def named(optc, rule, states):
    """The host's name of each state: theirs and the interpreter's stand in one order for each extent."""
    scope = {"model": "model", "group": "group"}
    known = json.loads(run(optc, "explain", "--json", "std/" + rule))["states"]
    names = {}
    for place in ("tensor", "group", "model"):
        theirs = [s["name"] for s in known if scope.get(s["extent"], "tensor") == place]
        assert len(theirs) == len(states[place]), (rule, place, theirs, states[place])
        names.update(zip(theirs, states[place]))
    return names


def error(got, want):
    """The largest difference beside the largest number."""
    got = np.asarray(got, np.float64).ravel()
    want = np.asarray([float(v) for v in (want if isinstance(want, list) else [want])])
    if want.size == 0:
        return 0.0  # what the rule keeps of other kinds of tensors
    assert got.shape == want.shape, (got.shape, want.shape)
    if got.size == 0 or np.array_equal(got, want, equal_nan=True):
        return 0.0
    if not np.array_equal(np.isfinite(got), np.isfinite(want)):
        return math.inf
    keep = np.isfinite(want)
    return float(np.max(abs(got - want)[keep], initial=0) / max(np.max(abs(want)[keep], initial=0), 1e-300))


def leaves(value, rule):
    """A state: one array a tensor in our order, or one number for the group or the model."""
    if isinstance(value, dict):
        return [value[n] for n in tensors(rule)]
    return [value]


def extra_arguments(rule, step):
    return {"value": loss(step)} if rule == "polyak_sgd" else {}


def run_optax(module, rule, want):
    tx = getattr(module, rule)()
    x = jax.tree.map(jnp.asarray, init(rule))
    state = tx.init(x)
    apply, update = jax.jit(tx.apply), jax.jit(tx.update)
    out = []
    for step in range(STEPS):
        g, extra = grads(rule, step), extra_arguments(rule, step)
        old = x
        updates, other_state = update(g, state, x, **extra)
        other = optax.apply_updates(x, updates)
        x, state = apply(g, state, x, **extra)
        for a, b in zip(jax.tree.leaves((x, state)), jax.tree.leaves((other, other_state))):
            largest = max(np.max(abs(c), initial=0) for c in (a, b, *jax.tree.leaves(old)) if c.dtype == a.dtype)
            assert a.dtype == b.dtype and np.allclose(a, b, rtol=1e-12, atol=1e-15 * largest, equal_nan=True), rule
        points = [tx.eval_params(state, x)[n] for n in tensors(rule)] if "eval" in want else None
        states = {n: leaves(v, rule) for n, v in state._asdict().items()}
        out.append(([x[n] for n in tensors(rule)], states, points))
    fields = [n for n in state._fields if n not in ("count", "key")]
    trees = [n for n in fields if isinstance(getattr(state, n), dict)]
    single = [n for n in fields if n not in trees]
    known = [s["extent"] for s in json.loads(run(OPTC, "explain", "--json", "std/" + rule))["states"] if s["extent"] in ("model", "group")]
    order = {e: [n for n, k in zip(single, known, strict=True) if k == e] for e in ("model", "group")}
    return out, {"tensor": trees, **order}


def types_optax(module, rule):
    tx = getattr(module, rule)()
    x = jax.tree.map(jnp.asarray, init(rule, np.float32))
    state = tx.init(x)
    kinds = jax.tree.map(lambda a: (a.dtype, a.shape), (x, state))
    apply = jax.jit(tx.apply)
    for step in range(3):
        x, state = apply(grads(rule, step, np.float32), state, x, **extra_arguments(rule, step))
        assert jax.tree.map(lambda a: (a.dtype, a.shape), (x, state)) == kinds, rule


def class_of(module):
    [cls] = [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, torch.optim.Optimizer)]
    return cls


def run_torch(module, rule, want):
    cls = class_of(module)
    hypers = list(inspect.signature(cls).parameters)
    start = {"x": np.array(START)} if rule in OBJECTIVES else init(rule)
    params = {n: torch.nn.Parameter(torch.tensor(v)) for n, v in start.items()}
    optimizer = cls(params.items())
    out = []
    for step in range(STEPS):
        if step == STEPS // 2:
            saved = io.BytesIO()
            torch.save(optimizer.state_dict(), saved)
            saved.seek(0)
            optimizer = cls(params.items())
            optimizer.load_state_dict(torch.load(saved))

        def closure():
            optimizer.zero_grad()
            if rule in OBJECTIVES:
                value = torch_objective(rule, params["x"])
                value.backward()
                return value
            for n, g in grads(rule, step).items():
                params[n].grad = torch.tensor(g)
            return loss(step)

        optimizer.step(closure)
        states = {}
        for p in params.values():
            for name, value in optimizer.state[p].items():
                states.setdefault(name, []).append(value)
        for once in (optimizer.state["model"], optimizer.param_groups[0]):
            for name, value in once.items():
                states.setdefault(name, [value])
        points = [v.clone() for v in optimizer.eval_params()] if "eval" in want else None
        out.append(([p.detach().numpy().copy() for p in params.values()], states, points))
    group = [n for n in optimizer.param_groups[0] if n not in ("params", "param_names", *hypers)]
    model = [n for n in optimizer.state["model"] if n not in ("t", "seed")]
    return out, {"tensor": list(optimizer.state[p]), "group": group, "model": model}


def types_torch(module, rule):
    params = {n: torch.nn.Parameter(torch.tensor(v)) for n, v in init(rule, np.float32).items()}
    optimizer = class_of(module)(params.items())
    kinds = None
    for step in range(3):
        for n, g in grads(rule, step, np.float32).items():
            params[n].grad = torch.tensor(g)
        optimizer.step(lambda: loss(step))
        now = [(n, type(v), getattr(v, "dtype", None), getattr(v, "shape", None)) for p in params.values() for n, v in optimizer.state[p].items()]
        assert kinds is None or now == kinds, rule
        assert all(d in (torch.float32, None) for _, _, d, _ in now), rule
        kinds = now


if __name__ == "__main__":
    main()
