"""Trains the network of examples/digits with PyTorch and writes digits.json beside itself: python digits.py,
in the environment of ../requirements.txt. It takes 10 seconds and gives the same bytes each time on one machine.

Network, initial values, split and minibatches are those of the task digits (tasks/random.go, digits.go, mlp.go),
computed again here; the optimizer is torch.optim.AdamW with PyTorch's own clipping and a LambdaLR. Arithmetic is
float32 on one thread. tasks sums in another order than PyTorch, so losses agree to rounding, not by the bits.
"""

import gzip
import json
import math
import pathlib

import torch

HERE = pathlib.Path(__file__).parent
DATA = HERE.parents[2] / "tasks" / "data" / "digits.csv.gz"

SEEDS = [1, 2, 3, 4, 5]
TRAIN, VALID, TEST, BATCH = 1200, 197, 400, 64
HYPER = dict(lr=5e-3, warmup=40, total=720, clip=1.0, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.1)
SAMPLED = [*range(20), *range(20, HYPER["total"], 20), HYPER["total"] - 1]  # steps whose losses are kept

MASK, GOLDEN = 2**64 - 1, 0x9E3779B97F4A7C15
SPLIT_SEED = 1998
INIT, ORDER = 0, 1  # purposes of random streams


def mix(z):
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


class Stream:
    """SplitMix64, keyed by a seed and a purpose."""

    def __init__(self, seed, *purpose):
        self.state = mix(seed + GOLDEN & MASK)
        for p in purpose:
            self.state = mix((self.state ^ p) + GOLDEN & MASK)

    def next(self):
        self.state = self.state + GOLDEN & MASK
        return mix(self.state)

    def symmetric(self):
        return ((self.next() >> 40) - 2**23) * 2.0**-23

    def permutation(self, n):
        order = [0] * n
        for i in range(n):
            j = self.next() * (i + 1) >> 64
            order[i], order[j] = order[j], i
        return order


def load():
    lines = gzip.open(DATA, "rt").read().split()
    rows = [[int(v) for v in lines[i].split(",")] for i in Stream(SPLIT_SEED).permutation(len(lines))]
    assert len(rows) == TRAIN + VALID + TEST
    data = torch.tensor(rows)
    return data[:, :64].float() / 16, data[:, 64]


def uniform(inputs, outputs, seed, index):
    bound, stream = math.sqrt(6 / inputs), Stream(seed, INIT, index)
    w = [bound * stream.symmetric() for _ in range(inputs * outputs)]
    return torch.tensor(w, dtype=torch.float64).float().reshape(inputs, outputs)


def warmup_cosine(step):
    """The share of lr in this step, which counts from 1."""
    warmup, total = HYPER["warmup"], HYPER["total"]
    if step < warmup:
        return step / warmup
    return (1 + math.cos(math.pi * min(step - warmup, total - warmup) / (total - warmup))) / 2


def train(seed, x, y):
    w1, b1, w2, b2 = params = [uniform(64, 64, seed, 0), torch.zeros(64), uniform(64, 10, seed, 2), torch.zeros(10)]
    for p in params:
        p.requires_grad_()
    groups = [dict(params=[w1, w2]), dict(params=[b1, b2], weight_decay=0.0)]
    opt = torch.optim.AdamW(groups, lr=HYPER["lr"], betas=(HYPER["beta1"], HYPER["beta2"]), eps=HYPER["eps"],
                            weight_decay=HYPER["weight_decay"])
    schedule = torch.optim.lr_scheduler.LambdaLR(opt, lambda done: warmup_cosine(done + 1))
    model = lambda rows: torch.relu(x[rows] @ w1 + b1) @ w2 + b2
    losses, clipped, epoch = [], 0, TRAIN // BATCH
    for step in range(HYPER["total"]):
        if step % epoch == 0:
            order = Stream(seed, ORDER, step // epoch).permutation(TRAIN)
        rows = order[step % epoch * BATCH:][:BATCH]
        opt.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(rows), y[rows])
        loss.backward()
        clipped += bool(torch.nn.utils.clip_grad_norm_(params, HYPER["clip"]) > HYPER["clip"])
        opt.step()
        schedule.step()
        losses.append(loss.item())
    with torch.no_grad():
        test = range(TRAIN + VALID, TRAIN + VALID + TEST)
        right = int((model(test).argmax(1) == y[test]).sum())
    return dict(seed=seed, accuracy=right / TEST, clipped=clipped, losses=[losses[s] for s in SAMPLED])


def dump(result):
    """JSON with a line for each field and each run."""
    runs = ",\n  ".join(json.dumps(run) for run in result["runs"])
    fields = [f'"{k}": {json.dumps(v)}' for k, v in result.items() if k != "runs"]
    return "{" + ",\n ".join([*fields, f'"runs": [\n  {runs}\n ]']) + "}\n"


if __name__ == "__main__":
    torch.set_num_threads(1)
    x, y = load()
    result = dict(reference=f"torch {torch.__version__.split('+')[0]}, torch.optim.AdamW", hyper=HYPER, sampled=SAMPLED,
                  runs=[train(seed, x, y) for seed in SEEDS])
    (HERE / "digits.json").write_text(dump(result))
