"""Optimizers of Python's libraries as a program that bench asks to time them: see Request and Reply in bench/subject.

    python peers.py torch|optax|deepspeed THREADS [FOLDER OF DEEPSPEED'S SOURCES]

A case is PEER:RULE, RULE being a row of least.tsv with its settings. One tensor, one gradient that stays the same, hyperparameters as
the rule has them by default.
"""

import json
import os
import platform
import sys
import time


def numbers(n, size):
    """Fill in bench/subject: the same numbers."""
    import numpy as np

    h = (np.arange(n, dtype=np.uint64) * np.uint64(2654435761)).astype(np.uint32)
    v = np.float32(size) * (np.float32(0.5) + (h >> 9).astype(np.float32) / np.float32(1 << 24))
    return np.where((h >> 8) & 1 == 1, -v, v).astype(np.float32)


# Rule, the class's name in torch.optim, and its arguments where they are not the rule's defaults already.
TORCH = {
    "adadelta": ("Adadelta", {}),
    "adafactor": ("Adafactor", {}),
    "adagrad": ("Adagrad", {}),
    "adam": ("Adam", {}),
    "adamax": ("Adamax", {}),
    "adamw": ("AdamW", {}),
    "amsgrad": ("Adam", {"amsgrad": True}),
    "asgd t0=0": ("ASGD", {"t0": 0}),
    "muon": ("Muon", {}),
    "nadam": ("NAdam", {}),
    "radam": ("RAdam", {}),
    "rmsprop centered=true momentum=0.9": ("RMSprop", {"centered": True, "momentum": 0.9}),
    "rmsprop momentum=0.9": ("RMSprop", {"momentum": 0.9}),
    "rprop": ("Rprop", {"lr": 0.01}),
    "sgd": ("SGD", {"lr": 0.01}),
    "sgd momentum=0.9": ("SGD", {"lr": 0.01, "momentum": 0.9}),
}
FUSED = ["adagrad", "adam", "adamw", "amsgrad", "sgd", "sgd momentum=0.9"]
SINGLE = ["adafactor", "muon"]  # the others have a foreach form
WHOLE = "bench/train"


class Torch:
    def __init__(self, threads):
        import torch

        self.torch = torch
        torch.set_num_threads(threads)
        self.versions = {"torch": torch.__version__, "torch parallelism": torch.__config__.parallel_info().split("\n")[1].strip()}
        self.missing = {}

    def cases(self):
        out = []
        for rule in TORCH:
            if hasattr(self.torch.optim, TORCH[rule][0]):
                out += ["torch-fused:" + rule] * (rule in FUSED)
                out += [("torch:" if rule in SINGLE else "torch-foreach:") + rule]
                out += ["torch-compile:" + rule] * (rule not in SINGLE)
            else:
                self.missing["torch:" + rule] = f"torch {self.torch.__version__} has no {TORCH[rule][0]}"
        return out + ["torch-fused:" + WHOLE, "torch-foreach:" + WHOLE]

    def open(self, case, shape):
        torch = self.torch
        peer, rule = case.split(":", 1)
        n = 1
        for d in shape:
            n *= d
        x = torch.nn.Parameter(torch.from_numpy(numbers(n, 1)).reshape(shape))
        x.grad = torch.from_numpy(numbers(n, 1 / 64)).reshape(shape)
        form = {"torch-fused": {"fused": True}, "torch-foreach": {"foreach": True}, "torch-compile": {"foreach": True}, "torch": {}}[peer]
        if rule == WHOLE:
            return self.whole(x, form)
        name, args = TORCH[rule]
        opt = getattr(torch.optim, name)([x], **args, **form)
        step = opt.step
        if peer == "torch-compile":
            torch._dynamo.reset()
            step = torch.compile(opt.step)

        def run(steps):
            for _ in range(steps):
                step()

        run(2)
        return run

    def whole(self, x, form):
        torch = self.torch
        opt = torch.optim.AdamW([x], **form)
        average, kept = [x.detach().clone()], x.grad.clone()

        def run(steps):
            for _ in range(steps):
                torch.nn.utils.clip_grad_norm_([x], 1.0)
                opt.step()
                with torch.no_grad():
                    torch._foreach_lerp_(average, [x], 0.001)
                opt.zero_grad(set_to_none=False)

        run(2)
        run.prepare = lambda: x.grad.copy_(kept)
        return run


# Rule, and the optax transformation.
OPTAX = {
    "adabelief": lambda o: o.adabelief(1e-3),
    "adadelta": lambda o: o.adadelta(1.0),
    "adafactor form=optax": lambda o: o.adafactor(1e-2),
    "adagrad": lambda o: o.adagrad(0.01),
    "adam": lambda o: o.adam(1e-3),
    "adamax": lambda o: o.adamax(2e-3),
    "adamw": lambda o: o.adamw(1e-3),
    "adan": lambda o: o.adan(1e-3),
    "ademamix": lambda o: o.contrib.ademamix(1e-3),
    "amsgrad": lambda o: o.amsgrad(1e-3),
    "fromage": lambda o: o.fromage(0.01),
    "lamb": lambda o: o.lamb(1e-3),
    "lars": lambda o: o.lars(0.1),
    "lion": lambda o: o.lion(1e-4),
    "muon": lambda o: o.contrib.muon(1e-3),
    "nadam": lambda o: o.nadam(2e-3),
    "novograd": lambda o: o.novograd(1e-3),
    "radam": lambda o: o.radam(1e-3),
    "rmsprop momentum=0.9": lambda o: o.rmsprop(0.01, momentum=0.9),
    "rprop": lambda o: o.rprop(0.01),
    "schedule_free_adamw": lambda o: o.contrib.schedule_free_adamw(2.5e-3),
    "sgd momentum=0.9": lambda o: o.sgd(0.01, momentum=0.9),
    "yogi": lambda o: o.yogi(0.01),
}


class Optax:
    def __init__(self, threads):
        # XLA takes as many threads as the process may use processors.
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        os.environ["JAX_PLATFORMS"] = "cpu"
        import jax
        import optax
        import optax.contrib

        self.jax, self.optax = jax, optax
        self.versions = {"jax": jax.__version__, "optax": optax.__version__}
        self.missing = {}

    def cases(self):
        out = []
        for rule, make in OPTAX.items():
            try:
                make(self.optax)
                out.append("optax:" + rule)
            except AttributeError as e:
                self.missing["optax:" + rule] = str(e)
        return out

    def open(self, case, shape):
        jax, optax = self.jax, self.optax
        tx = OPTAX[case.split(":", 1)[1]](optax)
        n = 1
        for d in shape:
            n *= d
        x = {"w": jax.numpy.asarray(numbers(n, 1).reshape(shape))}
        g = {"w": jax.numpy.asarray(numbers(n, 1 / 64).reshape(shape))}
        state = jax.jit(tx.init)(x)

        def step(x, state, g):
            u, state = tx.update(g, state, x)
            return optax.apply_updates(x, u), state

        compiled = jax.jit(step, donate_argnums=(0, 1))
        kept = {"x": x, "state": state}

        def run(steps):
            x, state = kept["x"], kept["state"]
            for _ in range(steps):
                x, state = compiled(x, state, g)
            jax.block_until_ready((x, state))
            kept["x"], kept["state"] = x, state

        run(2)
        return run


class DeepSpeed:
    """The kernels, compiled from the sources with the flags of DeepSpeed's own builder."""

    def __init__(self, threads, folder):
        import torch
        from torch.utils import cpp_extension

        self.torch, self.missing, self.modules = torch, {}, {}
        torch.set_num_threads(threads)
        version = open(os.path.join(folder, "version.txt")).read().strip()
        flags = open("/proc/cpuinfo").read()
        wide = "-D__AVX512__" if "avx512f" in flags else "-D__AVX256__"
        self.versions = {"deepspeed": version, "deepspeed flags": "-O3 -march=native -fopenmp " + wide}
        here = os.path.dirname(os.path.abspath(__file__))
        for name in ["adam", "lion"]:
            self.modules[name] = cpp_extension.load(
                name="bench_deepspeed_" + name,
                sources=[os.path.join(folder, "csrc", name, f"cpu_{name}_impl.cpp"), os.path.join(here, f"deepspeed_{name}.cpp")],
                extra_include_paths=[os.path.join(folder, "csrc", "includes")],
                extra_cflags=["-O3", "-std=c++20", "-march=native", "-fopenmp", "-Wno-reorder", wide],
                extra_ldflags=["-fopenmp"],
            )

    def cases(self):
        return ["deepspeed:adam", "deepspeed:adamw", "deepspeed:lion"]

    def open(self, case, shape):
        torch, rule = self.torch, case.split(":", 1)[1]
        n = 1
        for d in shape:
            n *= d
        x, g = torch.from_numpy(numbers(n, 1)), torch.from_numpy(numbers(n, 1 / 64))
        done = [0]
        if rule == "lion":
            args, states = [1e-4, 0.9, 0.99, 0.0], [torch.zeros(n)]
            module = self.modules["lion"]
            module.open(*args)
        else:
            args, states = [1e-3, 0.9, 0.999, 1e-8, 0.01 if rule == "adamw" else 0.0], [torch.zeros(n), torch.zeros(n)]
            module = self.modules["adam"]
            module.open(*args, rule == "adamw")

        def run(steps):
            module.run(done[0], steps, *args, x, g, *states)
            done[0] += steps

        run(2)
        return run


def serve(host):
    opened = None
    for line in answers_from:
        q = json.loads(line)
        r = {}
        try:
            if q["op"] == "list":
                r["cases"] = host.cases()
                r["versions"] = dict(host.versions, python=platform.python_version())
                r["missing"] = host.missing
            elif q["op"] == "open":
                opened = host.open(q["case"], q["shape"])
                r["things"] = ["peer"]
            elif q["op"] == "time":
                getattr(opened, "prepare", lambda: None)()
                start = time.perf_counter_ns()
                opened(q["steps"])
                r["ns"] = (time.perf_counter_ns() - start) / q["steps"]
            elif q["op"] == "close":
                opened = None
        except Exception as e:  # the reason is the answer
            r = {"error": f"{type(e).__name__}: {e}"[:500]}
        answers.write(json.dumps(r) + "\n")
        answers.flush()


def compile_time():
    """Seconds from an optimizer of torch to its first compiled step, without what an earlier process has kept."""
    import tempfile

    os.environ["TORCHINDUCTOR_CACHE_DIR"] = tempfile.mkdtemp()
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
    import torch

    x = torch.nn.Parameter(torch.from_numpy(numbers(1 << 16, 1)))
    x.grad = torch.from_numpy(numbers(1 << 16, 1 / 64))
    opt = torch.optim.Adam([x], foreach=True)
    opt.step()
    start = time.perf_counter()
    torch.compile(opt.step)()
    return {"seconds": time.perf_counter() - start, "versions": {"torch": torch.__version__}}


if __name__ == "__main__":
    # Answers go where nothing else is printed to.
    answers = os.fdopen(os.dup(1), "w")
    answers_from = sys.stdin
    os.dup2(2, 1)
    what = sys.argv[1]
    if what == "compile-time":
        answers.write(json.dumps(compile_time()) + "\n")
        answers.flush()
        sys.exit()
    threads = int(sys.argv[2])
    os.environ["OMP_NUM_THREADS"] = str(threads)
    hosts = {"torch": lambda: Torch(threads), "optax": lambda: Optax(threads), "deepspeed": lambda: DeepSpeed(threads, sys.argv[3])}
    serve(hosts[what]())
