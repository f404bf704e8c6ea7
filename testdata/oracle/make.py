"""Writes the reference trajectories beside itself: python make.py. See README.md for the format."""

import gzip
import io
import json
import math
import pathlib
import struct
import sys
import zlib

import numpy as np

sys.dont_write_bytecode = True

import awaited
import generator as gen
import proximal
from references import Dog, LionPytorch, Optax, Torch, exact, versions

import dog
import lion_pytorch
import optax
import torch

HERE = pathlib.Path(__file__).parent
MAGIC = b"OPTCREF1"
STEPS = 100
FULL = (1, 2, 3, *range(10, STEPS + 1, 10))
PAIRS = tuple(sorted({s - d for s in FULL for d in (0, 1)}))

SMALL = [
    {"shape": [7]},
    {"shape": [3, 5]},
    {"shape": []},
    {"shape": [2, 3, 4]},
    {"shape": [4], "init": "zero"},
    {"shape": [5], "grad": "zero"},
]
WIDE = SMALL + [{"shape": [33, 32]}]
BOWL = [t for t in WIDE if len(t) == 1]

CASES = []


def case(name, rule, ref, formula, *, wide="", quadratic=False, options=None, call="", tensors=None, dtypes=None,
         tolerance=None, awaited=False, **hypers):
    """Declares a trajectory for float64 and float32. wide names the dtypes that get the large tensor.

    tolerance, by dtype, is what the formula itself makes of rounding where that is more than usual; awaited
    cases are of rules that the library does not have yet and go to the folder next.
    """
    CASES.append(dict(
        name=name, rule=rule, ref=ref, formula=formula, wide=wide, quadratic=quadratic,
        options=options or {}, call=call, hypers=hypers, tensors=tensors,
        dtypes=dtypes or (("f64",) if quadratic else ("f64", "f32")), tolerance=tolerance or {}, awaited=awaited,
    ))


def torch_case(name, rule, cls, args, formula, *, prepare=None, average=None, driver=Torch, **kw):
    shown = ", ".join(f"{k}={v!r}" for k, v in args.items())
    make = lambda params: cls(params, **args)
    module = cls.__module__.split(".")[0] if driver is not Torch else "torch.optim"
    call = f"{module}.{cls.__name__}({shown})"
    case(name, rule, driver(make, prepare, average), formula, call=kw.pop("before", "") + call, **kw)


def optax_case(name, rule, call, formula, *, schedule=None, **kw):
    """call is the Python text that makes the transformation; it is kept in the case's header."""
    names = {"optax": optax, "schedule": schedule}
    text = call.replace("schedule", kw.pop("schedule_text", "schedule"))
    case(name, rule, Optax(lambda: eval(call, names), schedule), formula, call=text, **kw)


# ---- sgd
SGD = "g <- g + weight_decay*x; m <- g if t == 1 else momentum*m + (1 - dampening)*g; d = g if momentum == 0, else g + momentum*m if nesterov, else m; x <- x - lr*d"
TRACE = "m <- g + momentum*m, m = 0 before; d = g + momentum*m if nesterov else m; x <- x - lr*d"
o = torch.optim
torch_case("sgd-torch-plain", "sgd", o.SGD, dict(lr=0.01), SGD, wide="f64",
           lr=0.01, momentum=0, dampening=0, weight_decay=0)
torch_case("sgd-torch-momentum", "sgd", o.SGD, dict(lr=0.03, momentum=0.9), SGD,
           lr=0.03, momentum=0.9, dampening=0, weight_decay=0)
torch_case("sgd-torch-dampening", "sgd", o.SGD, dict(lr=0.05, momentum=0.8, dampening=0.3), SGD,
           lr=0.05, momentum=0.8, dampening=0.3, weight_decay=0)
torch_case("sgd-torch-dampening-alone", "sgd", o.SGD, dict(lr=0.05, dampening=0.4), SGD,
           lr=0.05, momentum=0, dampening=0.4, weight_decay=0)
torch_case("sgd-torch-nesterov", "sgd", o.SGD, dict(lr=0.02, momentum=0.95, nesterov=True, weight_decay=0.03), SGD,
           options={"nesterov": "true"}, lr=0.02, momentum=0.95, dampening=0, weight_decay=0.03)
torch_case("sgd-torch-all", "sgd", o.SGD, dict(lr=0.04, momentum=0.85, dampening=0.25, weight_decay=0.05), SGD, wide="f64 f32",
           lr=0.04, momentum=0.85, dampening=0.25, weight_decay=0.05)
torch_case("sgd-torch-quadratic", "sgd", o.SGD, dict(lr=0.05, momentum=0.9, nesterov=True), SGD, quadratic=True,
           options={"nesterov": "true"}, lr=0.05, momentum=0.9, dampening=0, weight_decay=0)
optax_case("sgd-optax-momentum", "sgd", "optax.sgd(0.03, momentum=0.9)", TRACE,
           lr=0.03, momentum=0.9, dampening=0, weight_decay=0)
optax_case("sgd-optax-nesterov", "sgd", "optax.sgd(0.02, momentum=0.7, nesterov=True)", TRACE,
           options={"nesterov": "true"}, lr=0.02, momentum=0.7, dampening=0, weight_decay=0)

# ---- adagrad: torch has eps outside the root and a decaying rate, optax eps inside and s = .1 at first
ADAGRAD = "g <- g + weight_decay*x; s <- s + g^2, s = initial before; x <- x - lr/(1 + (t-1)*lr_decay)*g/(sqrt(s) + eps)"
ADAGRAD_IN = "s <- s + g^2, s = initial before; x <- x - lr*(g/sqrt(s + eps) if s > 0 else 0)"
torch_case("adagrad-torch-default", "adagrad", o.Adagrad, dict(lr=0.01), ADAGRAD, wide="f64",
           options={"eps_inside": "false"}, lr=0.01, lr_decay=0, weight_decay=0, initial=0, eps=1e-10)
torch_case("adagrad-torch-all", "adagrad", o.Adagrad,
           dict(lr=0.05, lr_decay=0.02, weight_decay=0.03, initial_accumulator_value=0.2, eps=1e-2), ADAGRAD, wide="f32",
           options={"eps_inside": "false"}, lr=0.05, lr_decay=0.02, weight_decay=0.03, initial=0.2, eps=1e-2)
optax_case("adagrad-optax-default", "adagrad", "optax.adagrad(0.01)", ADAGRAD_IN,
           options={"eps_inside": "true"}, lr=0.01, lr_decay=0, weight_decay=0, initial=0.1, eps=1e-7)
optax_case("adagrad-optax-all", "adagrad", "optax.adagrad(0.04, initial_accumulator_value=0.0, eps=1e-4)", ADAGRAD_IN,
           options={"eps_inside": "true"}, lr=0.04, lr_decay=0, weight_decay=0, initial=0, eps=1e-4)

# ---- rmsprop: torch has eps outside the root and lr outside the momentum, optax by default eps inside and lr in the trace
RMS = "g <- g + weight_decay*x; v <- decay*v + (1-decay)*g^2; a = v; if centered: m <- decay*m + (1-decay)*g, a = v - m^2; d = g/(sqrt(a) + eps); if momentum > 0: b <- momentum*b + d, d = b; x <- x - lr*d"
RMS_OPTAX = "v <- decay*v + (1-decay)*g^2, v = initial before; a = v/(1-decay^t) if debias else v; if centered: m <- decay*m + (1-decay)*g, a = v - m^2; d = lr*g/sqrt(a + eps) if eps_inside else lr*g/(sqrt(a) + eps); if momentum: b <- d + momentum*b, d = d + momentum*b if nesterov else b; x <- x - d; the state trace is -b"
def rms(inside, **more):
    return {"eps_inside": inside, "centered": "false", "nesterov": "false", "debias": "false", **more}
torch_case("rmsprop-torch-default", "rmsprop", o.RMSprop, dict(lr=0.01), RMS,
           options=rms("false"), lr=0.01, decay=0.99, eps=1e-8, weight_decay=0, momentum=0, initial=0)
torch_case("rmsprop-torch-all", "rmsprop", o.RMSprop, dict(lr=0.003, alpha=0.9, eps=1e-3, weight_decay=0.02, momentum=0.8), RMS, wide="f64 f32",
           options=rms("false"), lr=0.003, decay=0.9, eps=1e-3, weight_decay=0.02, momentum=0.8, initial=0)
torch_case("rmsprop-torch-centered", "rmsprop", o.RMSprop, dict(lr=0.002, alpha=0.95, eps=1e-2, momentum=0.5, centered=True), RMS,
           options=rms("false", centered="true"), lr=0.002, decay=0.95, eps=1e-2, weight_decay=0, momentum=0.5, initial=0)
optax_case("rmsprop-optax-default", "rmsprop", "optax.rmsprop(0.01)", RMS_OPTAX,
           options=rms("true"), lr=0.01, decay=0.9, eps=1e-8, weight_decay=0, momentum=0, initial=0)
optax_case("rmsprop-optax-all", "rmsprop", "optax.rmsprop(0.004, decay=0.8, eps=1e-3, initial_scale=0.5, eps_in_sqrt=False, momentum=0.7, nesterov=True)", RMS_OPTAX,
           options=rms("false", nesterov="true"), lr=0.004, decay=0.8, eps=1e-3, weight_decay=0, momentum=0.7, initial=0.5)
optax_case("rmsprop-optax-inside", "rmsprop", "optax.rmsprop(0.003, decay=0.95, eps=1e-3, momentum=0.6)", RMS_OPTAX,
           options=rms("true"), lr=0.003, decay=0.95, eps=1e-3, weight_decay=0, momentum=0.6, initial=0)
optax_case("rmsprop-optax-centered", "rmsprop", "optax.rmsprop(0.002, decay=0.85, eps=1e-4, centered=True)", RMS_OPTAX,
           options=rms("true", centered="true"), lr=0.002, decay=0.85, eps=1e-4, weight_decay=0, momentum=0, initial=0)
optax_case("rmsprop-optax-debiased", "rmsprop", "optax.rmsprop(0.005, decay=0.97, eps=1e-3, eps_in_sqrt=False, bias_correction=True)", RMS_OPTAX,
           options=rms("false", debias="true"), lr=0.005, decay=0.97, eps=1e-3, weight_decay=0, momentum=0, initial=0)

# ---- adam, adamw
ADAM = "g <- g + weight_decay*x; m <- beta1*m + (1-beta1)*g; v <- beta2*v + (1-beta2)*g^2; x <- x - lr*(m/(1-beta1^t))/(sqrt(v/(1-beta2^t)) + eps)"
ADAMW = "m <- beta1*m + (1-beta1)*g; v <- beta2*v + (1-beta2)*g^2; x <- x - lr*((m/(1-beta1^t))/(sqrt(v/(1-beta2^t)) + eps) + weight_decay*x)"
torch_case("adam-torch-default", "adam", o.Adam, dict(lr=1e-3), ADAM, wide="f64",
           lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0)
torch_case("adam-torch-all", "adam", o.Adam, dict(lr=0.01, betas=(0.8, 0.95), eps=1e-2, weight_decay=0.1), ADAM, wide="f64 f32",
           lr=0.01, beta1=0.8, beta2=0.95, eps=1e-2, weight_decay=0.1)
torch_case("adam-torch-quadratic", "adam", o.Adam, dict(lr=0.02, betas=(0.9, 0.98), eps=1e-4), ADAM, quadratic=True,
           lr=0.02, beta1=0.9, beta2=0.98, eps=1e-4, weight_decay=0)
optax_case("adam-optax-default", "adam", "optax.adam(1e-3)", ADAM,
           lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0)
optax_case("adam-optax-all", "adam", "optax.adam(0.02, b1=0.7, b2=0.9, eps=1e-3)", ADAM,
           lr=0.02, beta1=0.7, beta2=0.9, eps=1e-3, weight_decay=0)
torch_case("adamw-torch-default", "adamw", o.AdamW, dict(lr=1e-3), ADAMW,
           lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01)
torch_case("adamw-torch-all", "adamw", o.AdamW, dict(lr=0.02, betas=(0.85, 0.97), eps=1e-3, weight_decay=0.2), ADAMW, wide="f64 f32",
           lr=0.02, beta1=0.85, beta2=0.97, eps=1e-3, weight_decay=0.2)
optax_case("adamw-optax-default", "adamw", "optax.adamw(1e-3)", ADAMW,
           lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-4)
optax_case("adamw-optax-all", "adamw", "optax.adamw(0.01, b1=0.75, b2=0.92, eps=1e-2, weight_decay=0.3)", ADAMW,
           lr=0.01, beta1=0.75, beta2=0.92, eps=1e-2, weight_decay=0.3)

# ---- amsgrad, three orders of the maximum and the bias corrections
EMAS = "m <- beta1*m + (1-beta1)*g; v <- beta2*v + (1-beta2)*g^2; "
AMS_TORCH = "g <- g + weight_decay*x; " + EMAS + "w <- max(w, v); x <- x - lr*(m/(1-beta1^t))/(sqrt(w)/sqrt(1-beta2^t) + eps)"
AMS_OPTAX = EMAS + "w <- max(w, v/(1-beta2^t)); x <- x - lr*(m/(1-beta1^t))/(sqrt(w) + eps)"
AMS_PAPER = EMAS + "w <- max(w, v); x <- x - lr*m/(sqrt(w) + eps)"
torch_case("amsgrad-torch-default", "amsgrad", o.Adam, dict(lr=1e-3, amsgrad=True), AMS_TORCH,
           options={"form": "torch"}, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0)
torch_case("amsgrad-torch-all", "amsgrad", o.Adam, dict(lr=0.01, betas=(0.8, 0.7), eps=1e-2, amsgrad=True), AMS_TORCH, wide="f64 f32",
           options={"form": "torch"}, lr=0.01, beta1=0.8, beta2=0.7, eps=1e-2, weight_decay=0)
torch_case("amsgrad-torch-decay", "amsgrad", o.Adam, dict(lr=0.01, betas=(0.9, 0.9), eps=1e-4, weight_decay=0.1, amsgrad=True), AMS_TORCH,
           options={"form": "torch"}, lr=0.01, beta1=0.9, beta2=0.9, eps=1e-4, weight_decay=0.1)
optax_case("amsgrad-optax-default", "amsgrad", "optax.amsgrad(1e-3)", AMS_OPTAX,
           options={"form": "optax"}, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0)
optax_case("amsgrad-optax-all", "amsgrad", "optax.amsgrad(0.02, b1=0.7, b2=0.9, eps=1e-3)", AMS_OPTAX,
           options={"form": "optax"}, lr=0.02, beta1=0.7, beta2=0.9, eps=1e-3, weight_decay=0)
optax_case("amsgrad-optax-paper", "amsgrad", "optax.amsgrad(0.02, b1=0.8, b2=0.85, eps=1e-3, bias_correction_mu=False, bias_correction_nu=False)", AMS_PAPER,
           options={"form": "paper"}, lr=0.02, beta1=0.8, beta2=0.85, eps=1e-3, weight_decay=0)

# ---- lion, signum
LION = "u = sign(beta1*m + (1-beta1)*g); x <- x - lr*(u + weight_decay*x); m <- beta2*m + (1-beta2)*g"
SIGNUM = "m <- beta*m + (1-beta)*g; x <- x - lr*sign(m)"
optax_case("lion-optax-default", "lion", "optax.lion(1e-4)", LION, wide="f64",
           lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=1e-3)
optax_case("lion-optax-all", "lion", "optax.lion(3e-3, b1=0.8, b2=0.95, weight_decay=0.3)", LION, wide="f32",
           lr=3e-3, beta1=0.8, beta2=0.95, weight_decay=0.3)
torch_case("lion-pytorch-default", "lion", lion_pytorch.Lion, dict(lr=1e-4), LION, driver=LionPytorch,
           lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=0)
torch_case("lion-pytorch-all", "lion", lion_pytorch.Lion, dict(lr=2e-3, betas=(0.7, 0.9), weight_decay=0.5), LION, driver=LionPytorch,
           lr=2e-3, beta1=0.7, beta2=0.9, weight_decay=0.5)
optax_case("signum-optax-default", "signum", "optax.signum(1e-3)", SIGNUM, wide="f64", lr=1e-3, beta=0.9)
optax_case("signum-optax-all", "signum", "optax.signum(0.004, beta=0.6)", SIGNUM, wide="f32", lr=0.004, beta=0.6)
optax_case("signum-optax-sign", "signum", "optax.sign_sgd(0.002)", "x <- x - lr*sign(g), which is beta = 0", lr=0.002, beta=0)

# ---- lamb, lars: norms are of one tensor; the ratio is 1 when either norm is 0
LAMB = "u = (m/(1-beta1^t))/(sqrt(v/(1-beta2^t)) + eps) + weight_decay*x with the emas m of g, v of g^2; r = norm(x)/norm(u), 1 if either is 0; x <- x - lr*r*u"
LARS = "u = g + weight_decay*x; r = trust*norm(x)/(norm(u) + eps), 1 if norm(x) or norm(u) is 0; m <- lr*r*u + momentum*m; x <- x - (lr*r*u + momentum*m if nesterov else m); the state trace is -m"
optax_case("lamb-optax-default", "lamb", "optax.lamb(1e-3)", LAMB,
           lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0)
optax_case("lamb-optax-all", "lamb", "optax.lamb(0.01, b1=0.8, b2=0.95, eps=1e-2, weight_decay=0.1)", LAMB, wide="f64 f32",
           lr=0.01, beta1=0.8, beta2=0.95, eps=1e-2, weight_decay=0.1)
optax_case("lars-optax-default", "lars", "optax.lars(0.1)", LARS,
           options={"nesterov": "false"}, lr=0.1, weight_decay=0, trust=0.001, eps=0, momentum=0.9)
optax_case("lars-optax-all", "lars", "optax.lars(0.2, weight_decay=0.05, trust_coefficient=0.02, eps=1e-2, momentum=0.8)", LARS, wide="f64 f32",
           options={"nesterov": "false"}, lr=0.2, weight_decay=0.05, trust=0.02, eps=1e-2, momentum=0.8)
optax_case("lars-optax-nesterov", "lars", "optax.lars(0.1, weight_decay=0.02, trust_coefficient=0.03, momentum=0.7, nesterov=True)", LARS,
           options={"nesterov": "true"}, lr=0.1, weight_decay=0.02, trust=0.03, eps=0, momentum=0.7)

# ---- dog: norms are of the whole model
DOG = "g <- g + weight_decay*x; rbar = first_move*(1 + norm(x0)) at t = 1, then max(rbar, norm(x - x0)); G <- G + norm(g)^2, G = eps before; x <- x - scale*rbar/sqrt(G)*g; average <- (1-c)*average + c*x with the new x, c = (gamma+1)/(gamma+t)"
DOG_OPTAX = "g <- g + weight_decay*x; max_dist <- max(max_dist, norm(x0 - x)), first_move*(1 + norm(x0)) before; G <- G + norm(g)^2, G = 0 before; x <- x - scale*max_dist/sqrt(G + eps)*g"
torch_case("dog-authors-default", "dog", dog.DoG, {}, DOG, driver=Dog, average=8.0,
           scale=1, first_move=1e-6, eps=1e-8, gamma=8, weight_decay=0)
torch_case("dog-authors-all", "dog", dog.DoG, dict(reps_rel=1e-2, lr=0.5, weight_decay=0.02, eps=0.5), DOG, driver=Dog, average=3.0, wide="f64 f32",
           scale=0.5, first_move=1e-2, eps=0.5, gamma=3, weight_decay=0.02)
torch_case("dog-authors-quadratic", "dog", dog.DoG, dict(reps_rel=1e-3), DOG, driver=Dog, average=8.0, quadratic=True,
           scale=1, first_move=1e-3, eps=1e-8, gamma=8, weight_decay=0)
torch_case("ldog-authors-all", "ldog", dog.LDoG, dict(reps_rel=1e-2, eps=0.5), "dog with every norm of one tensor", driver=Dog, average=8.0,
           scale=1, first_move=1e-2, eps=0.5, gamma=8, weight_decay=0)
optax_case("dog-optax-default", "dog", "optax.contrib.dog()", DOG_OPTAX,
           scale=1, first_move=1e-6, eps=1e-8, weight_decay=0)
optax_case("dog-optax-all", "dog", "optax.contrib.dog(0.7, init_step=('heuristic', 1e-2), eps=0.3, weight_decay=0.04)", DOG_OPTAX,
           scale=0.7, first_move=1e-2, eps=0.3, weight_decay=0.04)

# ---- schedules: the first step (t = 1) reads the schedule at 0
def scheduled(name, rule, text, call, formula, **kw):
    optax_case(name, rule, call, formula, schedule=exact(eval(text)), schedule_text=text, **kw)

scheduled("warmup_cosine-optax-adam", "adam_warmup_cosine",
          "optax.warmup_cosine_decay_schedule(init_value=0.001, peak_value=0.02, warmup_steps=20, decay_steps=80, end_value=0.002)",
          "optax.adam(schedule, b1=0.8, b2=0.95, eps=1e-3)",
          ADAM + "; with n = t-1: lr = start + (peak-start)*n/warmup for n < warmup, else peak*((1-a)*(1 + cos(pi*min(n-warmup, total-warmup)/(total-warmup)))/2 + a), a = end/peak",
          start=0.001, peak=0.02, warmup=20, total=80, end=0.002, beta1=0.8, beta2=0.95, eps=1e-3)
scheduled("linear-optax-sgd", "sgd_linear",
          "optax.linear_schedule(init_value=0.1, end_value=0.01, transition_steps=60, transition_begin=10)",
          "optax.sgd(schedule, momentum=0.8)",
          TRACE + "; with n = min(max(t-1-begin, 0), steps): lr = (start-end)*(1 - n/steps) + end",
          start=0.1, end=0.01, steps=60, begin=10, momentum=0.8)
scheduled("cosine-optax-sgd", "sgd_cosine",
          "optax.cosine_decay_schedule(init_value=0.1, decay_steps=80, alpha=0.05)", "optax.sgd(schedule)",
          "x <- x - lr*g; with n = min(t-1, total): lr = start*((1-alpha)*(1 + cos(pi*n/total))/2 + alpha)",
          start=0.1, total=80, alpha=0.05)

# ---- clipping
optax_case("clip_norm-optax-adam", "adam_clip_norm", "optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.01, b1=0.8, b2=0.95, eps=1e-2))",
           "n = norm(g) over the model; g <- g if n < clip else g/n*clip; " + ADAM, wide="f64",
           clip=1.0, lr=0.01, beta1=0.8, beta2=0.95, eps=1e-2)
torch_case("clip_norm-torch-sgd", "sgd_clip_norm", o.SGD, dict(lr=0.1),
           "g <- g*min(1, clip/(norm(g) + 1e-6)), norm over the model; x <- x - lr*g",
           prepare=lambda ps: torch.nn.utils.clip_grad_norm_(ps, 0.5), before="clip_grad_norm_(params, 0.5); ",
           clip=0.5, lr=0.1)
optax_case("clip_value-optax-sgd", "sgd_clip_value", "optax.chain(optax.clip(0.05), optax.sgd(0.1, momentum=0.9))",
           "g <- min(max(g, -clip), clip); " + TRACE, clip=0.05, lr=0.1, momentum=0.9)
torch_case("clip_value-torch-sgd", "sgd_clip_value", o.SGD, dict(lr=0.2, momentum=0.5), "g <- min(max(g, -clip), clip); " + SGD,
           prepare=lambda ps: torch.nn.utils.clip_grad_value_(ps, 0.02), before="clip_grad_value_(params, 0.02); ",
           clip=0.02, lr=0.2, momentum=0.5)

# ---- rules that the library does not have yet
awaited.declare(case)

# ---- rules whose formulas are derived
proximal.declare(case)


class Inputs:
    """Initial parameters and gradients of one case in its dtype."""

    def __init__(self, seed, tensors, quadratic, dtype):
        self.seed, self.tensors, self.dtype = seed, tensors, dtype
        self.bowl = None
        if quadratic:
            self.bowl = [(gen.curvature(seed, i, t["shape"]).astype(dtype), gen.centre(seed, i, t["shape"]).astype(dtype))
                         for i, t in enumerate(tensors)]

    def init(self, i):
        t = self.tensors[i]
        if t.get("init") == "zero":
            return np.zeros(t["shape"], self.dtype)
        first = gen.init(self.seed, i, t["shape"]).astype(self.dtype)
        return np.abs(first) if t.get("init") == "positive" else first

    def fixed(self, step, i):
        t = self.tensors[i]
        if t.get("grad") == "zero":
            return np.zeros(t["shape"], self.dtype)
        return gen.grad(self.seed, step, i, t["shape"]).astype(self.dtype)

    def grads(self, step, params):
        if self.bowl:
            return [h * (x - c) for (h, c), x in zip(self.bowl, params)]
        return [self.fixed(step, i) for i in range(len(params))]

    def loss(self, params):
        """Of the quadratic: the sum of 0.5*h*(x-c)^2, in float64."""
        return float(sum((0.5 * h.astype(np.float64) * (x.astype(np.float64) - c) ** 2).sum() for (h, c), x in zip(self.bowl, params)))

    def digest(self):
        """Of all that does not depend on the trajectory: init, then gradients or curvature and centre."""
        n = range(len(self.tensors))
        arrays = [self.init(i) for i in n]
        if self.bowl:
            arrays += [a for pair in self.bowl for a in pair]
        else:
            arrays += [self.fixed(s, i) for s in range(1, STEPS + 1) for i in n]
        return gen.digest(arrays)


def trajectory(c, inputs, stored):
    """Runs the reference; answers {step: (params, states, scalars)} for the stored steps."""
    ref, found = c["ref"], {}
    ref.start([inputs.init(i) for i in range(len(inputs.tensors))])
    for step in range(STEPS + 1):
        if step:
            ref.grad_at, ref.loss_at = (lambda params: inputs.grads(step, params)), inputs.loss
            ref.bowl = inputs.bowl
            ref.step(inputs.grads(step, ref.params()))
        if step in stored:
            found[step] = (ref.params(), ref.states(), ref.scalars())
    return found



def write(c, dtype):
    real = np.float64 if dtype == "f64" else np.float32
    tensors = c["tensors"] or (BOWL if c["quadratic"] else WIDE if dtype in c["wide"] else SMALL)
    stored = FULL if dtype == "f64" else PAIRS
    seed = zlib.crc32(c["name"].encode())
    inputs = Inputs(seed, tensors, c["quadratic"], real)
    found = trajectory(c, inputs, stored)
    _, states, scalars = found[STEPS]
    header = {
        "name": f"{c['name']}-{dtype}", "rule": c["rule"], "reference": versions(*c["ref"].packages), "call": c["call"],
        "formula": c["formula"], "dtype": dtype, "hypers": c["hypers"], "options": c["options"], "seed": seed,
        "problem": "quadratic" if c["quadratic"] else "sequence", "tensors": tensors, "steps": stored,
        "states": sorted(states), "scalars": sorted(scalars), "inputs_sha256": inputs.digest(),
    }
    shapes = {n: [None if a is None else list(a.shape) for a in v] for n, v in sorted(states.items())}
    whole = [math.prod(t["shape"]) for t in tensors]
    own = {n: v for n, v in shapes.items() if [s and math.prod(s) if s != [] else 1 for s in v] != whole}
    if own:
        header["shapes"] = own
    if dtype in c["tolerance"]:
        header["tolerance"] = c["tolerance"][dtype]
    body = io.BytesIO()
    unmade = c["hypers"].get("initial", 0.0)  # torch makes its states in the first step
    kind = "<f8" if dtype == "f64" else "<f4"
    for step in stored:
        params, now, single = found[step]
        arrays = list(params)
        for name in header["states"]:
            made = now.get(name) or [None] * len(tensors)
            pairs = [(a, s) for a, s in zip(made, shapes[name]) if s is not None]
            arrays += [np.full(s, unmade) if a is None else a for a, s in pairs]
        arrays += [np.array(single.get(name, 0.0)) for name in header["scalars"]]
        for a in arrays:
            a = np.ascontiguousarray(a, dtype=kind)
            if not np.isfinite(a).all():
                raise ValueError(f"{header['name']}: step {step} is not finite")
            body.write(a.tobytes())
    check(header, found[STEPS][0], inputs)
    text = json.dumps(header, separators=(",", ":")).encode()
    raw = MAGIC + struct.pack("<I", len(text)) + text + body.getvalue()
    path = HERE / ("next" if c["awaited"] else "") / f"{header['name']}.ref.gz"
    with open(path, "wb") as f, gzip.GzipFile("", "wb", 9, f, mtime=0) as z:
        z.write(raw)
    return path.stat().st_size


def check(header, last, inputs):
    """A reference that did not move would prove nothing."""
    for i, t in enumerate(inputs.tensors):
        moved = (last[i] != inputs.init(i)).mean()
        if "grad" not in t and moved < 0.5:
            raise ValueError(f"{header['name']}: only {moved:.0%} of tensor {i} moved")


def samples():
    """A readable extract of the generator, as hexadecimal floats."""
    rows = []
    for seed, step, tensor, element in [(1, 1, 0, 0), (1, 1, 3, 23), (7, 100, 6, 1055), (2**63 + 5, 3, 1, 14), (12, 50, 6, 1024)]:
        shape = (element + 1,)
        rows.append({
            "seed": seed, "step": step, "tensor": tensor, "element": element,
            "bits": f"{int(gen.bits(seed, gen.GRAD, step, tensor, element + 1)[element]):016x}",
            "grad": float(gen.grad(seed, step, tensor, shape)[element]).hex(),
            "init": float(gen.init(seed, tensor, shape)[element]).hex(),
            "curvature": float(gen.curvature(seed, tensor, shape)[element]).hex(),
            "centre": float(gen.centre(seed, tensor, shape)[element]).hex(),
        })
    (HERE / "generator.json").write_text(json.dumps(rows, indent=1) + "\n")


def main(only):
    """Makes every case again, or those whose names begin with one of the given words."""
    cases = [c for c in CASES if not only or c["name"].startswith(only)]
    if any(c["awaited"] for c in cases):
        (HERE / "next").mkdir(exist_ok=True)
    if not only:
        for old in [*HERE.glob("*.ref.gz"), *HERE.glob("next/*.ref.gz")]:
            old.unlink()
        samples()
    total = 0
    for c in cases:
        for dtype in c["dtypes"]:
            total += write(c, dtype)
        print(c["name"], file=sys.stderr)
    print(f"{len(cases)} configurations, {total/1e6:.1f} MB", file=sys.stderr)


if __name__ == "__main__":
    main(tuple(sys.argv[1:]))
