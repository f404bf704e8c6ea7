"""Writes adamw-torch.json: PyTorch's AdamW over a float32 master copy of bf16 parameters, from bf16 gradients.

Run it in this folder, with torch installed: python3 generate.py. The numbers that go in are small integers times
powers of two, which bf16 holds, from a hash that the test has too.
"""

import json
import struct

import torch

N, STEPS, STORED = 96, 100, (1, 2, 3, 10, 100)
HYPERS = {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1}


def hashed(step, i):
    h = (step * 1000003 + i * 7919 + 12345) & 0xFFFFFFFF
    for _ in range(3):
        h = (h ^ h >> 15) * 0x2C1B3C6D & 0xFFFFFFFF
        h ^= h >> 12
    return h


def number(step, i, low):
    h = hashed(step, i)
    return (h % 255 - 127) * 2.0 ** -(low + (h >> 16) % 8)


def bits(values, width):
    pack, digits = (">f", 8) if width == 32 else (">f", 4)
    return [struct.pack(pack, v).hex()[:digits] for v in values.to(torch.float32).tolist()]


master = torch.nn.Parameter(torch.tensor([number(0, i, 6) for i in range(N)], dtype=torch.bfloat16).float())
adamw = torch.optim.AdamW([master], lr=HYPERS["lr"], betas=(HYPERS["beta1"], HYPERS["beta2"]), eps=HYPERS["eps"],
                          weight_decay=HYPERS["weight_decay"], foreach=False)
out = {"reference": "torch " + torch.__version__, "hypers": HYPERS, "n": N, "steps": {}}
for step in range(1, STEPS + 1):
    grad = torch.tensor([number(step, i, 10) for i in range(N)], dtype=torch.bfloat16)
    assert torch.equal(grad.float(), torch.tensor([number(step, i, 10) for i in range(N)]))
    master.grad = grad.float()
    adamw.step()
    if step in STORED:
        x = master.detach()
        out["steps"][step] = {"x": "".join(bits(x.bfloat16(), 16)), "master": "".join(bits(x, 32))}
with open("adamw-torch.json", "w") as f:
    json.dump(out, f, indent=1)
    f.write("\n")
