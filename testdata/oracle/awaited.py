"""Cases of the rules that came after the first; make.py writes those that the library does not have yet to the folder next.

When a rule is there, its entry in ADOPTED moves its files up to the others.
"""

from typing import NamedTuple

import jax.numpy as jnp
import optax
import prodigyopt
import pytorch_optimizer as po
import schedulefree
import torch

from drivers import Kept, Lbfgs, Matrices, OptaxMore, Sam

ADOPTED = {
    "nadam", "radam", "adamax", "adamaxw", "adadelta", "adan", "adabelief", "yogi", "adabound", "adopt", "ademamix",
    "asgd", "rprop", "novograd", "fromage", "cocob", "sgd_centralized",
    "adafactor", "muon", "muon_nadam", "soap", "shampoo", "sam_sgd", "sam_adam", "lookahead_sgd", "lookahead_adam",
    "schedule_free_adamw", "schedule_free_sgd", "prodigy", "dadapt_adam", "lbfgs", "polyak_sgd", "sophia", "rms_nadam", "snr",
}

o = torch.optim
PO = ("pytorch-optimizer", "torch")
SQUARE = [{"shape": [7]}, {"shape": [3, 3]}, {"shape": []}, {"shape": [2, 3, 4]}, {"shape": [6, 5]}]
MATRICES = [{"shape": [7, 3]}, {"shape": [3, 5]}, {"shape": [2, 3, 4]}, {"shape": [4, 4], "init": "zero"}, {"shape": [5, 2], "grad": "zero"}]
FEW = [{"shape": [7]}, {"shape": [3, 5]}, {"shape": []}, {"shape": [2, 3, 4]}]
BOTH = ("f64", "f32")


def declare(case):
    def put(name, rule, ref, formula, call, *, flat=False, **kw):
        if flat:
            ref, call = Matrices(ref), call + "; tensors of rank > 2 given as matrices, the first dimension by the others"
        case(name, rule, ref, formula, call=call, awaited=rule not in ADOPTED, **kw)

    def torch_case(name, rule, cls, args, formula, *, driver=Kept, packages=("torch",), each=(), group=(), single=(), rename=None, before="", **kw):
        shown = ", ".join(f"{k}={v.__name__ if isinstance(v, type) else repr(v)}" for k, v in args.items())
        module = "torch.optim" if packages == ("torch",) else cls.__module__.split(".")[0]
        ref = driver(lambda params: cls(params, **args), packages=packages, each=each, group=group, single=single, rename=rename)
        put(name, rule, ref, formula, f"{before}{module}.{cls.__name__}({shown})", **kw)

    def optax_case(name, rule, call, formula, *, names=None, each=(), single=(), rename=None, average=None, told=(), pair=False, **kw):
        ref = OptaxMore(lambda: eval(call, {"optax": optax, "jnp": jnp, **(names or {})}),
                        each=each, single=single, rename=rename, average=average, told=told, pair=pair)
        put(name, rule, ref, formula, call, **kw)

    adafactor(torch_case, optax_case)
    muon(torch_case, optax_case)
    soap(torch_case)
    shampoo(torch_case)
    wrappers(torch_case, optax_case)
    free(torch_case, optax_case)
    estimated(torch_case, optax_case)
    adams(torch_case, optax_case)
    others(torch_case, optax_case)
    found(optax_case)


def adafactor(torch_case, optax_case):
    f = ("a = max(eps2, rms(x))*min(lr, 1/sqrt(t)); x <- x - lr*weight_decay*x; w = t^-decay; of a matrix: "
         "R <- R + w*(mean(g^2 per row) - R), C <- C + w*(mean(g^2 per col) - C), V = R*C/max(mean(R), eps1); else V <- V + w*(g^2 - V); "
         "u = g/sqrt(max(V, eps1^2)); u <- u/max(1, rms(u)/clip); x <- x - a*u")
    form = {"form": "torch"}
    for dtype, eps in (("f64", 2.0**-52), ("f32", 2.0**-23)):  # the default eps1 is the type's own
        torch_case("adafactor-torch-default", "adafactor", o.Adafactor, {}, f, dtypes=(dtype,), flat=True, options=form,
                   lr=0.01, decay=0.8, eps1=eps, eps2=1e-3, clip=1, weight_decay=0, momentum=0)
    torch_case("adafactor-torch-all", "adafactor", o.Adafactor, dict(lr=0.2, beta2_decay=-0.6, eps=(1e-3, 0.02), d=1.5, weight_decay=0.1), f,
               flat=True, options=form, lr=0.2, decay=0.6, eps1=1e-3, eps2=0.02, clip=1.5, weight_decay=0.1, momentum=0)
    f = ("w = t^-decay; s = g^2 + eps1; of a matrix: R <- (1-w)*R + w*mean(s per row), C <- (1-w)*C + w*mean(s per col), u = g/sqrt(R/mean(R))/sqrt(C); "
         "else V <- (1-w)*V + w*s, u = g/sqrt(V); u <- u/max(1, rms(u)/clip); u <- lr*u; u <- u*max(rms(x), eps2); "
         "if momentum: m <- momentum*m + (1-momentum)*u, u = m; x <- x - (u + weight_decay*x)")
    names = {"decay": lambda count, rate: 1.0 - jnp.asarray(count + 1, jnp.float64) ** -rate}
    chain = ("optax.chain(optax.scale_by_factored_rms(min_dim_size_to_factor=1, decay_rate={}, epsilon={}, decay_rate_fn=decay), "
             "optax.clip_by_block_rms({}), optax.scale_by_learning_rate({}, flip_sign=False), optax.scale_by_param_block_rms(), {}optax.scale(-1))")
    form = {"form": "optax"}
    optax_case("adafactor-optax-default", "adafactor", chain.format(0.8, 1e-30, 1.0, 0.01, ""), f, names=names, flat=True, options=form,
               lr=0.01, decay=0.8, eps1=1e-30, eps2=1e-3, clip=1, weight_decay=0, momentum=0)
    optax_case("adafactor-optax-all", "adafactor",
               chain.format(0.7, 1e-4, 1.2, 0.05, "optax.ema(0.8, debias=False), optax.add_decayed_weights(0.01), "), f, names=names, flat=True, options=form,
               lr=0.05, decay=0.7, eps1=1e-4, eps2=1e-3, clip=1.2, weight_decay=0.01, momentum=0.8)


def muon(torch_case, optax_case):
    schulz = "5 times X <- 3.4445*X + (-4.775*A + 2.0315*A@A)@X with A = X@X' (X transposed before and after if rows > cols)"
    f = ("m <- m + (1-momentum)*(g - m); u = g + momentum*(m - g) if nesterov else m; X = u/max(norm(u), eps); " + schulz +
         "; x <- x - lr*weight_decay*x; x <- x - lr*scale*X, scale = sqrt(max(1, rows/cols)) or for match_rms_adamw 0.2*sqrt(max(rows, cols))")
    with_norm = "the Newton-Schulz iteration kept in the parameters' type; "
    torch_case("muon-torch-default", "muon", o.Muon, {}, f, before=with_norm, tensors=MATRICES, flat=True,
               options={"nesterov": "true", "scale": "original", "form": "torch"}, tolerance={"f32": 3e-6}, lr=1e-3, weight_decay=0.1, momentum=0.95, eps=1e-7)
    torch_case("muon-torch-all", "muon", o.Muon, dict(lr=0.03, weight_decay=0.05, momentum=0.8, nesterov=False, eps=0.5, adjust_lr_fn="match_rms_adamw"), f,
               before=with_norm, tensors=MATRICES + [{"shape": [33, 32]}], flat=True,
               options={"nesterov": "false", "scale": "match_rms_adamw", "form": "torch"}, tolerance={"f32": 3e-6}, lr=0.03, weight_decay=0.05, momentum=0.8, eps=0.5)
    f = ("m <- momentum*m + (1-momentum)*g; u = momentum*m/(1-momentum^(t+1)) + (1-momentum)*g/(1-momentum^t) if nesterov else m/(1-momentum^t); X = u/(norm(u) + eps); " + schulz +
         "; x <- x - lr*(scale*X + weight_decay*x), scale = sqrt(max(1, cols/rows)), with consistent_rms c: c*sqrt(max(rows, cols))")
    rename = {"ns_coeffs": None}
    for name, args, shape, tensors, options, hypers in (
        ("default", "", "", MATRICES, {"nesterov": "true", "scale": "fan_out"}, dict(lr=1e-3, weight_decay=0, momentum=0.95, eps=1e-8)),
        ("all", "beta=0.7, eps=0.1, nesterov=False, ", ", consistent_rms=0.3", MATRICES, {"nesterov": "false", "scale": "consistent_rms"},
         dict(lr=0.02, weight_decay=0.2, momentum=0.7, eps=0.1, rms=0.3)),
    ):
        call = (f"optax.chain(optax.contrib.scale_by_muon({args}weight_dimension_numbers=dims), optax.contrib._muon.scale_by_shape(dims{shape}), "
                f"optax.add_decayed_weights({hypers['weight_decay']}), optax.scale_by_learning_rate({hypers['lr']}))")
        names = {"dims": lambda tree: [optax.contrib.MuonDimensionNumbers()] * len(tree)}
        optax_case(f"muon-optax-{name}", "muon", call, f, names=names, rename=rename, tensors=tensors, flat=True, tolerance={"f32": 3e-6}, options={**options, "form": "optax"}, **hypers)
    optax_case("muon-optax-mixed", "muon_nadam", "optax.contrib.muon(0.02, beta=0.9, weight_decay=0.1, adam_b1=0.8, adam_b2=0.95, eps=1e-3, adam_weight_decay=0.2)",
               "matrices: " + f + "; others: nadam as optax has it, with beta1, beta2, the same eps, and adam_weight_decay: x <- x - lr*(u + adam_weight_decay*x)",
               rename=rename, flat=True, options={"nesterov": "true", "scale": "fan_out", "form": "optax"},
               lr=0.02, weight_decay=0.1, momentum=0.9, eps=1e-3, beta1=0.8, beta2=0.95, adam_weight_decay=0.2)


def soap(torch_case):
    f = ("t = 1 moves nothing: G1 <- (1-shampoo_beta)*g@g', G2 <- (1-shampoo_beta)*g'@g, Q1, Q2 = their eigenvectors, largest first; then with k = t-1: "
         "m <- m + (1-beta1)*(g - m); v <- v + (1-beta2)*((Q1'@g@Q2)^2 - v); N = Q1@((Q1'@m@Q2)/(sqrt(v) + eps))@Q2'; x <- x - lr*sqrt(1-beta2^k)/(1-beta1^k)*N; "
         "x <- x*(1 - lr*weight_decay); G1 <- G1 + (1-shampoo_beta)*(g@g' - G1), G2 likewise; if k is a multiple of every: P = G1@Q1, order the columns by "
         "sum(Q1*P per col), largest first, v's rows in the same order, Q1 <- the Q of P's QR decomposition; Q2 likewise with v's columns. "
         "A side longer than max_dim, vectors and scalars have Q = 1")
    rename = {"precondition_frequency": None, "shampoo_beta": None, "GG": "G"}
    torch_case("soap-pytorch_optimizer-default", "soap", po.SOAP, dict(max_precondition_dim=6), f, packages=PO, rename=rename, quadratic=True,
               tensors=SQUARE, flat=True, options={"max_dim": "6", "every": "10"}, tolerance={"f64": 5e-8},
               lr=3e-3, beta1=0.95, beta2=0.95, shampoo_beta=0.95, eps=1e-8, weight_decay=0.01)
    torch_case("soap-pytorch_optimizer-all", "soap", po.SOAP,
               dict(lr=0.01, betas=(0.8, 0.9), shampoo_beta=0.7, weight_decay=0.05, precondition_frequency=3, max_precondition_dim=6, eps=1e-2), f, packages=PO, rename=rename,
               quadratic=True, dtypes=BOTH, tensors=SQUARE, flat=True, options={"max_dim": "6", "every": "3"}, tolerance={"f64": 5e-12, "f32": 2e-4},
               lr=0.01, beta1=0.8, beta2=0.9, shampoo_beta=0.7, eps=1e-2, weight_decay=0.05)


def shampoo(torch_case):
    f = ("g <- g + momentum*(p - g), p = g at t = 1; g <- g + weight_decay*x; L <- L + g@g', R <- R + g'@g, both eps*I before; "
         "p <- L^(-1/4)@g@R^(-1/4), of a vector (L + g*g')^(-1/2)@g, of a scalar g; x <- x - lr*p")
    rename = {"inv_pre_cond_0": None, "inv_pre_cond_1": None}
    def shampoo_case(name, args, tolerance, **hypers):
        torch_case(name, "shampoo", po.Shampoo, args, f, packages=PO, rename=rename, flat=True, tolerance=tolerance, **hypers)
    shampoo_case("shampoo-pytorch_optimizer-default", {}, {"f64": 1e-9}, dtypes=("f64",), lr=1e-3, momentum=0, eps=1e-6, weight_decay=0)
    shampoo_case("shampoo-pytorch_optimizer-all", dict(lr=0.02, momentum=0.6, weight_decay=0.05, matrix_eps=0.3), {"f64": 1e-11, "f32": 1e-5},
                 lr=0.02, momentum=0.6, eps=0.3, weight_decay=0.05)


def wrappers(torch_case, optax_case):
    f = "y = x + rho*{}/({}); base with the gradient at y, its states and x from before; base: "
    sgd = "g <- g + weight_decay*x; m <- g if t == 1 else momentum*m + g; x <- x - lr*m"
    adam = "m <- beta1*m + (1-beta1)*g; v <- beta2*v + (1-beta2)*g^2; x <- x - lr*(m/(1-beta1^t))/(sqrt(v/(1-beta2^t)) + eps)"
    plain = f.format("g", "norm(g) + 1e-12, norm of the model")
    kw = dict(driver=Sam, packages=PO, quadratic=True, dtypes=BOTH, tensors=FEW)
    torch_case("sam-pytorch_optimizer-sgd", "sam_sgd", po.SAM, dict(base_optimizer=o.SGD, lr=0.002, momentum=0.9, weight_decay=0.02, foreach=False), plain + sgd,
               options={"adaptive": "false"}, rho=0.05, lr=0.002, momentum=0.9, weight_decay=0.02, **kw)
    torch_case("sam-pytorch_optimizer-adaptive", "sam_sgd", po.SAM, dict(base_optimizer=o.SGD, rho=0.3, adaptive=True, lr=0.006, momentum=0.7, foreach=False),
               f.format("x^2*g", "norm(abs(x)*g) + 1e-12, norm of the model") + sgd,
               options={"adaptive": "true"}, rho=0.3, lr=0.006, momentum=0.7, weight_decay=0, **kw)
    torch_case("sam-pytorch_optimizer-adam", "sam_adam", po.SAM, dict(base_optimizer=o.Adam, rho=0.5, lr=0.01, betas=(0.8, 0.95), eps=1e-3, foreach=False), plain + adam,
               options={"adaptive": "false"}, rho=0.5, lr=0.01, beta1=0.8, beta2=0.95, eps=1e-3, **kw)
    optax_case("sam-optax-sgd", "sam_sgd",
               "optax.contrib.sam(optax.sgd(0.003, momentum=0.8), optax.chain(optax.contrib.normalize(), optax.sgd(0.2)), opaque_mode=True)",
               f.format("g", "norm(g), norm of the model") + sgd, told=("grad_fn",), quadratic=True, dtypes=BOTH, tensors=FEW,
               options={"adaptive": "false"}, rho=0.2, lr=0.003, momentum=0.8, weight_decay=0)
    f = "base makes y of x; at every k-th step: slow <- slow + alpha*(y - slow), slow = x0 before, and x <- slow; else x <- y; base: "
    optax_case("lookahead-optax-sgd", "lookahead_sgd", "optax.lookahead(optax.sgd(0.03, momentum=0.9), sync_period=5, slow_step_size=0.5)", f + sgd, pair=True,
               every=5, alpha=0.5, lr=0.03, momentum=0.9, weight_decay=0)
    optax_case("lookahead-optax-adam", "lookahead_adam", "optax.lookahead(optax.adam(0.01, b1=0.8, b2=0.95, eps=1e-3), sync_period=7, slow_step_size=0.3)", f + adam, pair=True,
               every=7, alpha=0.3, lr=0.01, beta1=0.8, beta2=0.95, eps=1e-3)


def free(torch_case, optax_case):
    weights = "r = lr*min(1, t/warmup) (lr if warmup = 0); top <- max(top, r); w = t^power_t*top^power_lr; W <- W + w; c = w/W, 0 if W = 0; "
    adam = ("x holds y; z = a = x0 before; z <- z - r*weight_decay*(z if decay_at_z else y); v <- beta2*v + (1-beta2)*g^2; "
            "z <- z - r*g/(sqrt(v/(1-beta2^t)) + eps); a <- (1-c)*a + c*z; y <- beta1*a + (1-beta1)*z; a is to be evaluated")
    packages = ("schedulefree", "torch")
    group = ("weight_sum", "lr_max")
    names = dict(driver=Kept, packages=packages, group=group, rename={"x": "average", "y": None})
    ref = schedulefree.AdamWScheduleFreeReference
    torch_case("schedule_free-authors-adamw", "schedule_free_adamw", ref, {}, weights + adam, options={"decay_at_z": "false", "form": "torch"},
               lr=0.0025, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0, warmup=0, power_t=0, power_lr=2, **names)
    torch_case("schedule_free-authors-adamw-all", "schedule_free_adamw", ref,
               dict(lr=0.02, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1, warmup_steps=13, r=0.5, weight_lr_power=1.5), weights + adam,
               options={"decay_at_z": "false", "form": "torch"}, lr=0.02, beta1=0.8, beta2=0.95, eps=1e-3, weight_decay=0.1, warmup=13, power_t=0.5, power_lr=1.5, **names)
    torch_case("schedule_free-authors-adamw-z", "schedule_free_adamw", ref, dict(lr=0.01, betas=(0.7, 0.9), eps=1e-2, weight_decay=0.2, decay_at_z=True), weights + adam,
               options={"decay_at_z": "true", "form": "torch"}, lr=0.01, beta1=0.7, beta2=0.9, eps=1e-2, weight_decay=0.2, warmup=0, power_t=0, power_lr=2, **names)
    sgd = ("x holds y; z = x0 before; g <- g + weight_decay*y; y <- y + c*(z - y); y <- y + r*(momentum*(1-c) - 1)*g; z <- z - r*g; "
           "to be evaluated: y + (1 - 1/momentum)*(z - y)")
    names = dict(driver=Kept, packages=packages, group=group)
    torch_case("schedule_free-authors-sgd", "schedule_free_sgd", schedulefree.SGDScheduleFree, dict(foreach=False), weights + sgd, options={"form": "torch"},
               lr=1, momentum=0.9, weight_decay=0, warmup=0, power_t=0, power_lr=2, **names)
    torch_case("schedule_free-authors-sgd-all", "schedule_free_sgd", schedulefree.SGDScheduleFree,
               dict(lr=0.3, momentum=0.7, weight_decay=0.05, warmup_steps=11, r=0.7, weight_lr_power=1.0, foreach=False), weights + sgd, options={"form": "torch"},
               lr=0.3, momentum=0.7, weight_decay=0.05, warmup=11, power_t=0.7, power_lr=1, **names)
    weights = "r = lr*min(1, t/warmup) (lr if warmup = 0); top <- max(top, r); w = top^power_lr; W <- W + w; c = w/W; "
    adam = ("x holds y; z = x0 before; a = (y - (1-beta1)*z)/beta1; v <- beta2*v + (1-beta2)*g^2; z <- z - r*(g/(sqrt(v/(1-beta2^t)) + eps) + weight_decay*y); "
            "a <- (1-c)*a + c*z; y <- beta1*a + (1-beta1)*z; (y - (1-beta1)*z)/beta1 is to be evaluated")
    sgd = ("x holds y; z = x0 before; a = (y - (1-momentum)*z)/momentum; z <- z - r*(g + weight_decay*y); a <- (1-c)*a + c*z; y <- momentum*a + (1-momentum)*z; "
           "(y - (1-momentum)*z)/momentum is to be evaluated")
    names = dict(single=("weight_sum", "max_lr"), average=optax.contrib.schedule_free_eval_params, options={"form": "optax"})
    optax_case("schedule_free-optax-adamw", "schedule_free_adamw", "optax.contrib.schedule_free_adamw(0.01, b1=0.8, b2=0.95, eps=1e-3, weight_decay=0.1)", weights + adam,
               lr=0.01, beta1=0.8, beta2=0.95, eps=1e-3, weight_decay=0.1, warmup=0, power_t=0, power_lr=2, **names)
    optax_case("schedule_free-optax-sgd", "schedule_free_sgd", "optax.contrib.schedule_free_sgd(0.2, b1=0.7, weight_decay=0.03)", weights + sgd, tolerance={"f32": 5e-6},
               lr=0.2, momentum=0.7, weight_decay=0.03, warmup=0, power_t=0, power_lr=2, **names)


def estimated(torch_case, optax_case):
    f = ("k = d*lr*(sqrt(1-beta2^t)/(1-beta1^t) if debias else 1), d = d0 before; g <- g + weight_decay*x if coupled; num <- beta3*num + d/d0*k*dot(g, x0 - x) over the model; "
         "m <- beta1*m + d*(1-beta1)*g; v <- beta2*v + d^2*(1-beta2)*g^2; s <- beta3*s + (d/d0*d if safeguard else d/d0*k)*g; e = d_coef*num/norm1(s) over the model; "
         "if d = d0: d <- max(d, e); top <- max(top, e), d0 before; new d = min(top, d*growth); decoupled: x <- x - weight_decay*k*x; x <- x - k*m/(sqrt(v) + d*eps) with the new d, but the k of before")
    packages = ("prodigyopt", "torch")
    kw = dict(packages=packages, group=("d", "d_max", "d_numerator"), rename={"p0": None})
    torch_case("prodigy-authors-default", "prodigy", prodigyopt.Prodigy, {}, f, quadratic=True, tensors=FEW, dtypes=BOTH, tolerance={"f64": 1e-11}, options={"debias": "false", "safeguard": "false", "decoupled": "true", "form": "authors"},
               lr=1, beta1=0.9, beta2=0.999, beta3=0.999**0.5, eps=1e-8, weight_decay=0, d0=1e-6, d_coef=1, **kw)
    torch_case("prodigy-authors-all", "prodigy", prodigyopt.Prodigy,
               dict(lr=0.7, betas=(0.8, 0.95), beta3=0.9, eps=1e-4, weight_decay=0.05, use_bias_correction=True, safeguard_warmup=True, d0=1e-3, d_coef=0.8, growth_rate=1.3), f,
               options={"debias": "true", "safeguard": "true", "decoupled": "true", "form": "authors"},
               lr=0.7, beta1=0.8, beta2=0.95, beta3=0.9, eps=1e-4, weight_decay=0.05, d0=1e-3, d_coef=0.8, growth=1.3, **kw)
    torch_case("prodigy-authors-quadratic", "prodigy", prodigyopt.Prodigy, dict(lr=0.5, betas=(0.9, 0.99), weight_decay=0.02, decouple=False, d0=1e-4), f, quadratic=True,
               tensors=FEW, dtypes=BOTH, tolerance={"f64": 1e-11}, options={"debias": "false", "safeguard": "false", "decoupled": "false", "form": "authors"},
               lr=0.5, beta1=0.9, beta2=0.99, beta3=0.99**0.5, eps=1e-8, weight_decay=0.02, d0=1e-4, d_coef=1, **kw)
    f = ("k = d*lr*sqrt(1-beta2^t)/(1-beta1^t), d = d0 before; num <- beta3*num + d/d0*k*dot(g, x0 - x) over the model; m <- beta1*m + (1-beta1)*d*g; v <- beta2*v + (1-beta2)*(d*g)^2; "
         "s <- beta3*s + (d if safeguard else k)*d*g/d0; d <- max(d, d_coef*num/norm1(s)) over the model; x <- x - weight_decay*k*x - k*m/(sqrt(v) + d*eps), x from before, the new d, the k of before")
    kw = dict(rename={"params0": None}, single=("estim_lr", "numerator_weighted"))
    options = {"debias": "true", "decoupled": "true", "form": "optax"}
    optax_case("prodigy-optax-default", "prodigy", "optax.contrib.prodigy()", f, quadratic=True, tensors=FEW, dtypes=BOTH, options={"safeguard": "false", **options},
               lr=1, beta1=0.9, beta2=0.999, beta3=0.999**0.5, eps=1e-8, weight_decay=0, d0=1e-6, d_coef=1, **kw)
    optax_case("prodigy-optax-all", "prodigy", "optax.contrib.prodigy(0.6, betas=(0.85, 0.97), beta3=0.92, eps=1e-3, estim_lr0=1e-3, estim_lr_coef=0.7, weight_decay=0.04, safeguard_warmup=True)", f,
               options={"safeguard": "true", **options}, lr=0.6, beta1=0.85, beta2=0.97, beta3=0.92, eps=1e-3, weight_decay=0.04, d0=1e-3, d_coef=0.7, **kw)
    f = ("b = sqrt(beta2); k = d*lr*sqrt(1-beta2^t)/(1-beta1^t), d = d0 before; n = dot(g, s/(sqrt(v) + eps)) over the model, old s and v; m <- beta1*m + (1-beta1)*k*g; v <- beta2*v + (1-beta2)*g^2; "
         "s <- b*s + (1-b)*k*g; num <- b*num + (1-b)*k*n; d <- max(d, num/((1-b)*norm1(s))) over the model; x <- x - weight_decay*k*x - m/(sqrt(v) + eps), x from before")
    optax_case("dadapt-optax-default", "dadapt_adam", "optax.contrib.dadapt_adamw()", f, single=kw["single"],
               lr=1, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0, d0=1e-6)
    optax_case("dadapt-optax-all", "dadapt_adam", "optax.contrib.dadapt_adamw(0.5, betas=(0.8, 0.95), eps=1e-2, estim_lr0=1e-3, weight_decay=0.05)", f, single=kw["single"],
               lr=0.5, beta1=0.8, beta2=0.95, eps=1e-2, weight_decay=0.05, d0=1e-3)


def adams(torch_case, optax_case):
    emas = "m <- beta1*m + (1-beta1)*g; v <- beta2*v + (1-beta2)*g^2; "
    # ---- nadam
    f = ("g <- g + weight_decay*x unless decoupled, then x <- x - lr*weight_decay*x; u(n) = beta1*(1 - 0.5*0.96^(n*momentum_decay)); P <- P*u(t), P = 1 before; " + emas +
         "s = sqrt(v/(1-beta2^t)) + eps; x <- x - lr*(1-u(t))/(1-P)*g/s; x <- x - lr*u(t+1)/(1 - P*u(t+1))*m/s")
    single = ("mu_product",)
    torch_case("nadam-torch-default", "nadam", o.NAdam, {}, f, single=single, options={"decoupled": "false", "form": "torch"},
               lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0, momentum_decay=4e-3)
    torch_case("nadam-torch-all", "nadam", o.NAdam, dict(lr=0.01, betas=(0.8, 0.95), eps=1e-2, weight_decay=0.1, momentum_decay=0.02), f, single=single,
               options={"decoupled": "false", "form": "torch"}, lr=0.01, beta1=0.8, beta2=0.95, eps=1e-2, weight_decay=0.1, momentum_decay=0.02)
    torch_case("nadam-torch-decoupled", "nadam", o.NAdam, dict(lr=0.02, betas=(0.9, 0.95), eps=1e-3, weight_decay=0.2, decoupled_weight_decay=True), f, single=single,
               options={"decoupled": "true", "form": "torch"}, lr=0.02, beta1=0.9, beta2=0.95, eps=1e-3, weight_decay=0.2, momentum_decay=4e-3)
    f = emas + "h = beta1*m/(1-beta1^(t+1)) + (1-beta1)*g/(1-beta1^t); x <- x - lr*(h/(sqrt(v/(1-beta2^t)) + eps) + weight_decay*x)"
    optax_case("nadam-optax-default", "nadam", "optax.nadam(1e-3)", f, options={"decoupled": "true", "form": "optax"}, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0)
    optax_case("nadam-optax-all", "nadam", "optax.nadamw(0.01, b1=0.8, b2=0.95, eps=1e-2, weight_decay=0.1)", f, options={"decoupled": "true", "form": "optax"},
               lr=0.01, beta1=0.8, beta2=0.95, eps=1e-2, weight_decay=0.1)
    # ---- radam
    rect = ("top = 2/(1-beta2) - 1; rho = top - 2*t*beta2^t/(1-beta2^t); r = sqrt((rho-4)*(rho-2)*top/((top-4)*(top-2)*rho)); h = m/(1-beta1^t); ")
    f = ("g <- g + weight_decay*x unless decoupled, then x <- x - lr*weight_decay*x; " + emas + rect + "x <- x - lr*h*sqrt(1-beta2^t)/(sqrt(v) + eps)*r if rho > 5, else x - lr*h")
    torch_case("radam-torch-default", "radam", o.RAdam, {}, f, options={"decoupled": "false", "form": "torch"}, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0)
    torch_case("radam-torch-all", "radam", o.RAdam, dict(lr=0.01, betas=(0.8, 0.95), eps=1e-2, weight_decay=0.1), f, options={"decoupled": "false", "form": "torch"},
               lr=0.01, beta1=0.8, beta2=0.95, eps=1e-2, weight_decay=0.1)
    torch_case("radam-torch-decoupled", "radam", o.RAdam, dict(lr=0.02, betas=(0.7, 0.99), eps=1e-3, weight_decay=0.2, decoupled_weight_decay=True), f,
               options={"decoupled": "true", "form": "torch"}, lr=0.02, beta1=0.7, beta2=0.99, eps=1e-3, weight_decay=0.2)
    f = emas + rect + "x <- x - lr*(r*h/(sqrt(v/(1-beta2^t)) + eps) if rho >= threshold else h)"
    optax_case("radam-optax-default", "radam", "optax.radam(1e-3)", f, options={"decoupled": "false", "form": "optax"},
               lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0, threshold=5)
    optax_case("radam-optax-all", "radam", "optax.radam(0.01, b1=0.8, b2=0.98, eps=1e-2, threshold=20.37)", f, options={"decoupled": "false", "form": "optax"},
               lr=0.01, beta1=0.8, beta2=0.98, eps=1e-2, weight_decay=0, threshold=20.37)
    # ---- adamax
    f = "g <- g + weight_decay*x; m <- beta1*m + (1-beta1)*g; u <- max(beta2*u, abs(g) + eps); x <- x - lr/(1-beta1^t)*m/u"
    torch_case("adamax-torch-default", "adamax", o.Adamax, {}, f, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0)
    torch_case("adamax-torch-all", "adamax", o.Adamax, dict(lr=0.01, betas=(0.8, 0.95), eps=1e-2, weight_decay=0.1), f, lr=0.01, beta1=0.8, beta2=0.95, eps=1e-2, weight_decay=0.1)
    f = "m <- beta1*m + (1-beta1)*g; u <- max(abs(g) + eps, beta2*u); x <- x - lr*(m/(1-beta1^t)/u + weight_decay*x)"
    optax_case("adamax-optax-default", "adamax", "optax.adamax(2e-3)", f, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0)
    optax_case("adamax-optax-decoupled", "adamaxw", "optax.adamaxw(0.02, b1=0.7, b2=0.9, eps=1e-3, weight_decay=0.2)", f, lr=0.02, beta1=0.7, beta2=0.9, eps=1e-3, weight_decay=0.2)
    # ---- adadelta
    f = "g <- g + weight_decay*x; v <- rho*v + (1-rho)*g^2; d = sqrt(u + eps)/sqrt(v + eps)*g; u <- rho*u + (1-rho)*d^2; x <- x - lr*d"
    torch_case("adadelta-torch-default", "adadelta", o.Adadelta, {}, f, lr=1, rho=0.9, eps=1e-6, weight_decay=0)
    torch_case("adadelta-torch-all", "adadelta", o.Adadelta, dict(lr=0.5, rho=0.8, eps=1e-3, weight_decay=0.05), f, lr=0.5, rho=0.8, eps=1e-3, weight_decay=0.05)
    optax_case("adadelta-optax-all", "adadelta", "optax.adadelta(0.7, rho=0.95, eps=1e-4, weight_decay=0.03)", f, lr=0.7, rho=0.95, eps=1e-4, weight_decay=0.03)
    # ---- adan
    f = ("e = g - old g, 0 at t = 1; m <- beta1*m + (1-beta1)*g; v <- beta2*v + (1-beta2)*e; n <- beta3*n + (1-beta3)*(g + beta2*e)^2; s = sqrt(n)/sqrt(1-beta3^t) + eps; "
         "x <- x - lr*weight_decay*x if decoupled; x <- x - lr*m/(1-beta1^t)/s; x <- x - lr*beta2*v/(1-beta2^t)/s; x <- x/(1 + lr*weight_decay) unless decoupled; the state previous_grad is -g")
    torch_case("adan-pytorch_optimizer-default", "adan", po.Adan, dict(foreach=False), f, packages=PO, options={"decoupled": "false", "form": "paper"},
               lr=1e-3, beta1=0.98, beta2=0.92, beta3=0.99, eps=1e-8, weight_decay=0)
    torch_case("adan-pytorch_optimizer-all", "adan", po.Adan, dict(lr=0.01, betas=(0.9, 0.8, 0.95), eps=1e-2, weight_decay=0.1, foreach=False), f, packages=PO,
               options={"decoupled": "false", "form": "paper"}, lr=0.01, beta1=0.9, beta2=0.8, beta3=0.95, eps=1e-2, weight_decay=0.1)
    torch_case("adan-pytorch_optimizer-decoupled", "adan", po.Adan, dict(lr=0.02, betas=(0.8, 0.7, 0.9), eps=1e-3, weight_decay=0.2, weight_decouple=True, foreach=False), f, packages=PO,
               options={"decoupled": "true", "form": "paper"}, lr=0.02, beta1=0.8, beta2=0.7, beta3=0.9, eps=1e-3, weight_decay=0.2)
    f = ("e = g - old g, 0 at t = 1; m <- beta1*m + (1-beta1)*g; v <- beta2*v + (1-beta2)*e; n <- beta3*n + (1-beta3)*(g + (1-beta2)*e)^2; "
         "x <- x - lr*((m/(1-beta1^t) + (1-beta2)*v/(1-beta2^t))/(sqrt(n/(1-beta3^t) + eps_root) + eps) + weight_decay*x)")
    optax_case("adan-optax-default", "adan", "optax.adan(1e-3)", f, options={"decoupled": "true", "form": "optax"},
               lr=1e-3, beta1=0.98, beta2=0.92, beta3=0.99, eps=1e-8, eps_root=1e-8, weight_decay=0)
    optax_case("adan-optax-all", "adan", "optax.adan(0.01, b1=0.9, b2=0.7, b3=0.95, eps=1e-3, eps_root=1e-4, weight_decay=0.1)", f, options={"decoupled": "true", "form": "optax"},
               lr=0.01, beta1=0.9, beta2=0.7, beta3=0.95, eps=1e-3, eps_root=1e-4, weight_decay=0.1)
    # ---- adabelief
    f = ("m <- beta1*m + (1-beta1)*g; s <- beta2*s + (1-beta2)*(g - m)^2 + eps_root, the new m; h = beta1*m/(1-beta1^(t+1)) + (1-beta1)*g/(1-beta1^t) if nesterov else m/(1-beta1^t); "
         "x <- x - lr*h/(sqrt(s/(1-beta2^t)) + eps)")
    optax_case("adabelief-optax-default", "adabelief", "optax.adabelief(1e-3)", f, options={"nesterov": "false"}, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-16, eps_root=1e-16)
    optax_case("adabelief-optax-all", "adabelief", "optax.adabelief(0.01, b1=0.8, b2=0.95, eps=1e-2, eps_root=1e-3)", f, options={"nesterov": "false"},
               lr=0.01, beta1=0.8, beta2=0.95, eps=1e-2, eps_root=1e-3)
    optax_case("adabelief-optax-nesterov", "adabelief", "optax.adabelief(0.005, b1=0.7, b2=0.9, eps=1e-3, eps_root=1e-5, nesterov=True)", f, options={"nesterov": "true"},
               lr=0.005, beta1=0.7, beta2=0.9, eps=1e-3, eps_root=1e-5)
    # ---- yogi
    f = "m <- beta1*m + (1-beta1)*g; v <- v - (1-beta2)*sign(v - g^2)*g^2; both initial before; x <- x - lr*(m/(1-beta1^t))/(sqrt(v/(1-beta2^t)) + eps)"
    optax_case("yogi-optax-default", "yogi", "optax.yogi(0.01)", f, lr=0.01, beta1=0.9, beta2=0.999, eps=1e-3, initial=1e-6)
    optax_case("yogi-optax-all", "yogi", "optax.chain(optax.scale_by_yogi(b1=0.8, b2=0.95, eps=1e-2, initial_accumulator_value=0.1), optax.scale_by_learning_rate(0.02))", f,
               lr=0.02, beta1=0.8, beta2=0.95, eps=1e-2, initial=0.1)
    # ---- adopt, ademamix
    f = ("n = t-1; u = min(max(g/max(sqrt(v), eps), -n^0.25), n^0.25) (no bounds unless clipped); v <- g^2 at t = 1, later beta2*v + (1-beta2)*g^2; at t > 1: m <- beta1*m + (1-beta1)*u; "
         "h = beta1*m + (1-beta1)*u if nesterov else m; x <- x - lr*h; t = 1 moves nothing")
    optax_case("adopt-optax-default", "adopt", "optax.contrib.adopt(1e-3)", f, options={"clipped": "true", "nesterov": "false"}, lr=1e-3, beta1=0.9, beta2=0.9999, eps=1e-6)
    optax_case("adopt-optax-all", "adopt", "optax.contrib.adopt(0.01, b1=0.8, b2=0.95, eps=1e-2, nesterov=True)", f, options={"clipped": "true", "nesterov": "true"},
               lr=0.01, beta1=0.8, beta2=0.95, eps=1e-2)
    optax_case("adopt-optax-unclipped", "adopt", "optax.contrib.adopt(0.02, b1=0.7, b2=0.9, eps=0.1, use_clipping=False)", f, options={"clipped": "false", "nesterov": "false"},
               lr=0.02, beta1=0.7, beta2=0.9, eps=0.1)
    f = ("m1 <- beta1*m1 + (1-beta1)*g; m2 <- beta3*m2 + (1-beta3)*g; v <- beta2*v + (1-beta2)*g^2; "
         "x <- x - lr*((m1/(1-beta1^t) + alpha*m2)/(sqrt(v/(1-beta2^t) + eps_root) + eps) + weight_decay*x)")
    optax_case("ademamix-optax-default", "ademamix", "optax.contrib.ademamix(1e-3)", f, lr=1e-3, beta1=0.9, beta2=0.999, beta3=0.9999, alpha=5, eps=1e-8, eps_root=0, weight_decay=0)
    optax_case("ademamix-optax-all", "ademamix", "optax.contrib.ademamix(0.01, b1=0.8, b2=0.95, b3=0.99, alpha=3.0, eps=1e-3, eps_root=1e-4, weight_decay=0.1)", f,
               lr=0.01, beta1=0.8, beta2=0.95, beta3=0.99, alpha=3, eps=1e-3, eps_root=1e-4, weight_decay=0.1)
    # ---- adabound
    f = ("g <- g + weight_decay*x unless decoupled, then x <- x - lr*weight_decay*x; " + emas + "low = final_lr*(1 - 1/(gamma*t + 1)); high = final_lr*(1 + 1/(gamma*t)); "
         "x <- x - min(max(lr*sqrt(1-beta2^t)/(1-beta1^t)/(sqrt(v + 1e-15) + eps), low), high)*m")
    torch_case("adabound-pytorch_optimizer-default", "adabound", po.AdaBound, dict(foreach=False), f, packages=PO, options={"decoupled": "true"},
               lr=1e-3, final_lr=0.1, gamma=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0)
    torch_case("adabound-pytorch_optimizer-all", "adabound", po.AdaBound,
               dict(lr=0.02, final_lr=0.05, gamma=0.03, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1, weight_decouple=False, foreach=False), f, packages=PO, options={"decoupled": "false"},
               lr=0.02, final_lr=0.05, gamma=0.03, beta1=0.8, beta2=0.95, eps=1e-3, weight_decay=0.1)


def others(torch_case, optax_case):
    f = ("p0: t = 1: d = -g, a = min(1, 1/norm1(g))*lr; later y = g - old g, s = old a*d; if dot(y, s) > 1e-10: add (y, s) to the pairs (the oldest of more than 10 leaves), "
         "H = dot(y, s)/dot(y, y); q = -g; from the newest pair: al = dot(s, q)/dot(y, s), q <- q - al*y; r = H*q; from the oldest: r <- r + (al - dot(y, r)/dot(y, s))*s; d = r, a = lr; "
         "x <- x + a*d; all vectors and dots are of the model")
    torch_case("lbfgs-torch-quadratic", "lbfgs", o.LBFGS, dict(lr=0.02, max_iter=1, history_size=10, tolerance_grad=0, tolerance_change=0), f[4:], driver=Lbfgs, quadratic=True, tensors=FEW,
               dtypes=BOTH, options={"memory": "10"}, lr=0.02)
    f = ("p = g*prev; step <- min(max(step*(up if p > 0, down if p < 0, else 1), low), high), lr before; g <- 0 where p < 0; x <- x - sign(g)*step; prev <- g")
    torch_case("rprop-torch-default", "rprop", o.Rprop, {}, f, lr=0.01, down=0.5, up=1.2, low=1e-6, high=50)
    torch_case("rprop-torch-all", "rprop", o.Rprop, dict(lr=0.02, etas=(0.7, 1.3), step_sizes=(1e-3, 0.1)), f, lr=0.02, down=0.7, up=1.3, low=1e-3, high=0.1)
    f = ("g <- g + weight_decay*x; r = lr/(1 + decay*lr*(t-1))^alpha; x <- x - decay*r*x; x <- x - r*g; c = 1/max(1, t-1-t0); a <- x if c = 1, else a + c*(x - a)")
    kw = dict(rename={"ax": "average", "eta": None, "mu": None})
    torch_case("asgd-torch-default", "asgd", o.ASGD, {}, f, lr=0.01, decay=1e-4, alpha=0.75, t0=1e6, weight_decay=0, **kw)
    torch_case("asgd-torch-all", "asgd", o.ASGD, dict(lr=0.1, lambd=0.05, alpha=0.6, t0=12, weight_decay=0.02), f, lr=0.1, decay=0.05, alpha=0.6, t0=12, weight_decay=0.02, **kw)
    # ---- novograd, fromage
    f = ("n <- norm(g)^2 at t = 1, later beta2*n + (1-beta2)*norm(g)^2, of one tensor; u = g/(sqrt(n + eps_root) + eps) + weight_decay*x; m <- u at t = 1, later beta1*m + u; x <- x - lr*m")
    optax_case("novograd-optax-default", "novograd", "optax.novograd(1e-3)", f, each=("nu",), lr=1e-3, beta1=0.9, beta2=0.25, eps=1e-6, eps_root=0, weight_decay=0)
    optax_case("novograd-optax-all", "novograd", "optax.novograd(0.01, b1=0.8, b2=0.6, eps=1e-2, eps_root=1e-3, weight_decay=0.1)", f, each=("nu",),
               lr=0.01, beta1=0.8, beta2=0.6, eps=1e-2, eps_root=1e-3, weight_decay=0.1)
    f = "c = 1/sqrt(1 + lr^2); x <- x - lr*c*max(norm(x), min_norm)/max(norm(g), min_norm)*g - (1-c)*x, x from before, norms of one tensor"
    optax_case("fromage-optax-default", "fromage", "optax.fromage(0.01)", f, lr=0.01, min_norm=1e-6)
    optax_case("fromage-optax-all", "fromage", "optax.fromage(0.05, min_norm=0.5)", f, lr=0.05, min_norm=0.5)
    # ---- polyak, cocob, centralised gradient, sophia
    f = ("x <- x - lr*min((loss - f_min)/(lr^2*normsq(g) + eps), max_lr)*g, normsq of the model; no step where lr^2*normsq(g) + eps <= 2^-52; "
         "loss = sum(0.5*h*(x-c)^2) before the step")
    kw = dict(told=("value",), quadratic=True, tensors=FEW)
    # Without a bound the steps are chaotic: an error grows a thousandfold in ten, so float64 runs have one.
    optax_case("polyak-optax-default", "polyak_sgd", "optax.polyak_sgd()", f, dtypes=("f32",), lr=1, max_lr=1, f_min=0, eps=0, **kw)
    optax_case("polyak-optax-bounded", "polyak_sgd", "optax.polyak_sgd(max_learning_rate=0.2)", f, dtypes=BOTH, lr=1, max_lr=0.2, f_min=0, eps=0, **kw)
    optax_case("polyak-optax-all", "polyak_sgd", "optax.polyak_sgd(max_learning_rate=0.25, scaling=0.8, f_min=0.2, eps=0.1)", f, dtypes=BOTH, lr=0.8, max_lr=0.25, f_min=0.2, eps=0.1, **kw)
    f = ("g <- lr*(g + weight_decay*x); L <- max(L, abs(g)), eps before; G <- G + abs(g); R <- max(R - g*(x - x0), 0); C <- C - g; x <- x0 + C/(L*max(G + L, alpha*L))*(L + R)")
    kw = dict(rename={"init_particles": None})
    optax_case("cocob-optax-default", "cocob", "optax.contrib.cocob()", f, lr=1, alpha=100, eps=1e-8, weight_decay=0, **kw)
    optax_case("cocob-optax-all", "cocob", "optax.contrib.cocob(0.5, alpha=7, eps=1e-2, weight_decay=0.002)", f, tolerance={"f32": 5e-6}, lr=0.5, alpha=7, eps=1e-2, weight_decay=0.002, **kw)
    optax_case("centralize-optax-sgd", "sgd_centralized", "optax.chain(optax.centralize(), optax.sgd(0.05, momentum=0.9))",
               "tensors of rank > 1: g <- g - mean(g over all dimensions but the first); then m <- g + momentum*m; x <- x - lr*m", flat=True, lr=0.05, momentum=0.9)
    f = ("m <- beta1*m + (1-beta1)*g; u = min(max((m/(1-beta1^t))/max(gamma*H, eps), -clip), clip); if t-1 is a multiple of every: H <- beta2*H + (1-beta2)*h, after its use, h the Hessian's diagonal "
         "(of these quadratics exactly what Hutchinson's r*(H r) gives, whatever the signs r); x <- x - lr*(u + weight_decay*x)")
    optax_case("sophia-optax-default", "sophia", "optax.contrib.sophia(1e-2)", f, told=("obj_fn",), rename={"key": None}, quadratic=True, tensors=FEW, dtypes=BOTH, options={"every": "10"},
               lr=1e-2, beta1=0.965, beta2=0.99, eps=1e-8, gamma=0.01, clip=1, weight_decay=1e-4)
    optax_case("sophia-optax-all", "sophia", "optax.contrib.sophia(0.05, b1=0.8, b2=0.9, eps=1e-2, gamma=0.5, clip_threshold=0.7, update_interval=3, weight_decay=0.02)", f, told=("obj_fn",),
               rename={"key": None}, quadratic=True, tensors=FEW, dtypes=BOTH, options={"every": "3"}, lr=0.05, beta1=0.8, beta2=0.9, eps=1e-2, gamma=0.5, clip=0.7, weight_decay=0.02)


class Averages(NamedTuple):
    count: jnp.ndarray
    m: list
    v: list


def of_averages(first, second, step):
    """Rules that were found by a search have no other reference: optax's own averages of gradient and square, put together."""

    def init(params):
        start = first.init(params)
        return Averages(start.count, start.ema, second.init(params).ema)

    def update(grads, state, params=None):
        means, m = first.update(grads, optax.EmaState(state.count, state.m))
        squares, v = second.update([g * g for g in grads], optax.EmaState(state.count, state.v))
        return [step(g, mean, square) for g, mean, square in zip(grads, means, squares)], Averages(m.count, m.ema, v.ema)

    return optax.GradientTransformation(init, update)


def rms_nadam(beta1, beta2, eps):
    def step(g, mean, square):
        u = (mean + g) / jnp.maximum(jnp.sqrt(square), eps)
        return u / jnp.maximum(jnp.sqrt(jnp.mean(u * u)), eps)

    return of_averages(optax.ema(beta1), optax.ema(beta2), step)


def snr(beta1, beta2, eps):
    def step(g, mean, square):
        return g / jnp.maximum(square / jnp.maximum(jnp.abs(mean), eps), eps)

    return of_averages(optax.ema(beta1, debias=False), optax.ema(beta2, debias=False), step)


def found(optax_case):
    decayed = "; x <- x - lr*(u + weight_decay*x)"
    m, v = "m <- beta1*m + (1-beta1)*g", "; v <- beta2*v + (1-beta2)*g^2"
    for of, f, cases in (
        (rms_nadam, m + v + "; u = (m/(1-beta1^t) + g)/max(sqrt(v/(1-beta2^t)), eps); x <- x - lr*(u/max(rms(u), eps) + weight_decay*x), rms of one tensor",
         (("default", 8.63e-3, 0.95, 0.99, 1e-12, 0), ("all", 0.05, 0.8, 0.9, 0.1, 0.2))),
        (snr, m + v + "; u = g/max(v/max(|m|, eps), eps)" + decayed,
         (("default", 0.0926, 0.98, 0.95, 1e-12, 0), ("all", 0.02, 0.8, 0.9, 0.1, 0.2))),
    ):
        rule = of.__name__
        for name, lr, beta1, beta2, eps, decay in cases:
            optax_case(f"{rule}-optax-{name}", rule, f"optax.chain({rule}({beta1}, {beta2}, {eps}), optax.add_decayed_weights({decay}), optax.scale_by_learning_rate({lr}))",
                       f, names={rule: of}, lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=decay)
