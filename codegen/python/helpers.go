package python

import (
	"slices"
	"strings"
)

// helper is a Python function that is printed when the text above calls it.
type helper struct {
	torch, optax string
	needs        []string
}

// use marks a helper and gives its Python name.
func (m *module) use(name string) string {
	if !m.used[name] {
		m.used[name] = true
		for _, n := range helpers[name].needs {
			m.use(n)
		}
	}
	return "_" + name
}

// helperText prints the helpers that are used, in a fixed order.
func (m *module) helperText() string {
	var names []string
	for n := range m.used {
		names = append(names, n)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, n := range names {
		text := helpers[n].torch
		if m.host == Optax {
			text = helpers[n].optax
		}
		b.WriteString("\n\n" + strings.TrimSpace(text) + "\n")
	}
	return b.String()
}

var helpers = map[string]helper{
	"map": {optax: `
def _map(outputs, leaf, params, *trees):
    """Calls leaf on every tensor: as many trees as it returns values."""
    leaves, treedef = jax.tree.flatten(params)
    rows = [leaf(*row) for row in zip(leaves, *map(treedef.flatten_up_to, trees))]
    columns = zip(*rows) if rows else [()] * outputs
    return [treedef.unflatten(column) for column in columns]
`},
	"names": {optax: `
def _names(params):
    """The path of every tensor, as in layers/0/weight."""
    paths, treedef = jax.tree_util.tree_flatten_with_path(params)
    return treedef.unflatten([jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in paths])
`},
	"keys": {optax: `
def _keys(key, params):
    """A random key for every tensor."""
    leaves, treedef = jax.tree.flatten(params)
    return treedef.unflatten(list(jax.random.split(key, max(1, len(leaves))))[: len(leaves)])
`},
	"match": {torch: matchText, optax: matchText},
	"matrix": {
		torch: `
def _matrix(u):
    """u with its first dimension as rows and the others as columns; a vector is one row."""
    rows = u.shape[0] if u.ndim >= 2 else 1
    return u.reshape(rows, math.prod(u.shape[1:]) if u.ndim >= 2 else u.numel())
`,
		optax: `
def _matrix(u):
    """u with its first dimension as rows and the others as columns; a vector is one row."""
    u = jnp.asarray(u)
    rows = u.shape[0] if u.ndim >= 2 else 1
    return u.reshape(rows, math.prod(u.shape[1:]) if u.ndim >= 2 else u.size)
`},
	"double": {torch: `
def _double(a):
    """A number as a tensor, whose arithmetic gives inf and NaN where Python's raises."""
    return torch.as_tensor(a, dtype=torch.float64)
`},
	"cbrt": {torch: `
def _cbrt(a):
    root = torch.copysign(abs(a) ** (1 / 3), a)
    return torch.where((a == 0) | torch.isinf(a), a, root - (root - a / root**2) / 3)
`},
	"softplus": {torch: `
def _softplus(a):
    return torch.logaddexp(a, torch.zeros_like(a))
`},
	"least": {
		torch: `
def _least(u):
    return u.double().amin() if u.numel() else torch.tensor(math.inf, dtype=torch.float64)
`,
		optax: `
def _least(u):
    return jnp.min(u, initial=jnp.inf).astype(float)
`},
	"greatest": {
		torch: `
def _greatest(u):
    return u.double().amax() if u.numel() else torch.tensor(-math.inf, dtype=torch.float64)
`,
		optax: `
def _greatest(u):
    return jnp.max(u, initial=-jnp.inf).astype(float)
`},
	"kth": {
		torch: `
def _kth(u, k, dim):
    """The k-th smallest along dim, NaN if there is none; NaNs are last."""
    u, k = torch.sort(u, dim=dim).values, torch.as_tensor(k, device=u.device).nan_to_num(0).clamp(0, 2**31 - 1).long()
    if u.shape[dim] == 0:
        return u.new_full([n if i != dim % u.ndim else 1 for i, n in enumerate(u.shape)], math.nan)
    at = u.index_select(dim, (k - 1).clamp(0, u.shape[dim] - 1).reshape(1))
    return torch.where((k >= 1) & (k <= u.shape[dim]), at, at.new_tensor(math.nan))
`,
		optax: `
def _kth(u, k, axis):
    """The k-th smallest along axis, NaN if there is none; NaNs are last."""
    u, k = jnp.sort(u, axis=axis), jnp.asarray(k)
    n = u.shape[axis]
    if n == 0:
        return jnp.full_like(jnp.sum(u, axis=axis, keepdims=True), jnp.nan)
    at = jnp.take(u, jnp.clip(jnp.nan_to_num(jnp.floor(k)), 1, n).astype(int) - 1, axis=axis)
    return jnp.where((k >= 1) & (jnp.floor(k) <= n), jnp.expand_dims(at, axis), jnp.nan)
`},
	"threshold": {
		torch: `
def _threshold(u, r, dim):
    """The tau for which max(u - tau, 0) adds up to r along dim (Held, Wolfe and Crowder 1974)."""
    if u.shape[dim] == 0:
        return u.new_full([n if i != dim % u.ndim else 1 for i, n in enumerate(u.shape)], math.nan)
    wide = torch.sort(u.double(), dim=dim, descending=True).values
    count = torch.arange(1, u.shape[dim] + 1, device=u.device).reshape([-1 if i == dim % u.ndim else 1 for i in range(u.ndim)])
    return ((torch.cumsum(wide, dim=dim) - r) / count).amax(dim=dim, keepdim=True).to(u.dtype)
`,
		optax: `
def _threshold(u, r, axis):
    """The tau for which max(u - tau, 0) adds up to r along axis (Held, Wolfe and Crowder 1974)."""
    if u.shape[axis] == 0:
        return jnp.full_like(jnp.sum(u, axis=axis, keepdims=True), jnp.nan)
    wide = jnp.sort(u.astype(float), axis=axis, descending=True)
    count = jnp.arange(1, u.shape[axis] + 1).reshape([-1 if i == axis % u.ndim else 1 for i in range(u.ndim)])
    return ((jnp.cumsum(wide, axis=axis) - r) / count).max(axis=axis, keepdims=True).astype(u.dtype)
`},
	"threshold_all": {needs: []string{"threshold"},
		torch: `
def _threshold_all(us, r):
    """The threshold of all tensors."""
    if not us:
        return torch.tensor(math.nan, dtype=torch.float64)
    return _threshold(torch.cat([u.reshape(-1) for u in us.values()]), r, 0)[0].double()
`,
		optax: `
def _threshold_all(us, r):
    """The threshold of all tensors."""
    leaves = [u.ravel() for u in jax.tree.leaves(us)]
    return _threshold(jnp.concatenate(leaves), r, 0)[0].astype(float) if leaves else jnp.asarray(jnp.nan, float)
`},
	"polar": {needs: []string{"finite"},
		torch: `
def _polar(a):
    """U @ V' of the singular value decomposition: the nearest semi-orthogonal matrix."""

    def factor(a):
        u, _, vt = torch.linalg.svd(a, full_matrices=False)
        return u @ vt

    return _finite(factor, a)
`,
		optax: `
def _polar(a):
    """U @ V' of the singular value decomposition: the nearest semi-orthogonal matrix."""
    if a.size == 0:
        return a
    u, _, vt = jnp.linalg.svd(a, full_matrices=False)
    return u @ vt
`},
	"topk": {
		torch: `
def _topk(u, k, dim):
    """A mask of the k largest along dim, ties to the lower index, NaNs last."""
    order = torch.argsort(torch.where(torch.isnan(u), u, -u), dim=dim, stable=True)
    return torch.argsort(order, dim=dim) < torch.floor(torch.as_tensor(k, dtype=torch.float64, device=u.device))
`,
		optax: `
def _topk(u, k, axis):
    """A mask of the k largest along axis, ties to the lower index, NaNs last."""
    order = jnp.argsort(-u, axis=axis, stable=True)
    return jnp.argsort(order, axis=axis) < jnp.floor(k)
`},
	"topk_all": {needs: []string{"topk"},
		torch: `
def _topk_all(us, k):
    """A mask of the k largest of all tensors."""
    if not us:
        return {}
    marks = _topk(torch.cat([u.reshape(-1) for u in us.values()]), k, 0)
    parts = marks.split([u.numel() for u in us.values()])
    return {p: part.reshape(u.shape) for (p, u), part in zip(us.items(), parts)}
`,
		optax: `
def _topk_all(us, k):
    """A mask of the k largest of all tensors."""
    leaves, treedef = jax.tree.flatten(us)
    if not leaves:
        return us
    marks = _topk(jnp.concatenate([u.ravel() for u in leaves]), k, 0)
    ends = [sum(u.size for u in leaves[: i + 1]) for i in range(len(leaves))]
    return treedef.unflatten([marks[end - u.size : end].reshape(u.shape) for u, end in zip(leaves, ends)])
`},
	"kth_all": {needs: []string{"kth"},
		torch: `
def _kth_all(us, k):
    """The k-th smallest value of all tensors."""
    if not us:
        return torch.tensor(math.nan, dtype=torch.float64)
    return _kth(torch.cat([u.reshape(-1) for u in us.values()]), k, 0)[0].double()
`,
		optax: `
def _kth_all(us, k):
    """The k-th smallest value of all tensors."""
    leaves = [u.ravel() for u in jax.tree.leaves(us)]
    return _kth(jnp.concatenate(leaves), k, 0)[0].astype(float) if leaves else jnp.asarray(jnp.nan, float)
`},
	"finite": {torch: `
def _finite(f, a):
    """f(a), or NaN where a is not finite or f fails."""
    if a.numel() == 0:
        return a
    if not torch.isfinite(a).all():
        return torch.full_like(a, math.nan)
    try:
        return f(a)
    except torch.linalg.LinAlgError:
        return torch.full_like(a, math.nan)
`},
	"inv": {needs: []string{"finite"},
		torch: `
def _inv(a):
    return _finite(torch.linalg.inv, a)
`,
		optax: `
def _inv(a):
    inverse = jnp.linalg.inv(a)
    return jnp.where(jnp.isfinite(inverse).all(), inverse, jnp.nan)
`},
	"solve": {
		torch: `
def _solve(a, b):
    x, info = torch.linalg.solve_ex(a, b)
    return torch.where((info == 0) & torch.isfinite(x).all(), x, x.new_tensor(math.nan))
`,
		optax: `
def _solve(a, b):
    x = jnp.linalg.solve(a, b)
    return jnp.where(jnp.isfinite(x).all(), x, jnp.nan)
`},
	"cholesky": {needs: []string{"finite"},
		torch: `
def _cholesky(a):
    return _finite(torch.linalg.cholesky, a)
`,
		optax: `
def _cholesky(a):
    return jnp.linalg.cholesky(a, symmetrize_input=False)
`},
	"qr": {needs: []string{"finite"},
		torch: `
def _qr(a):
    """The Q of the decomposition whose R has no negative diagonal."""

    def factor(a):
        q, r = torch.linalg.qr(a)
        return q * torch.where(r.diagonal() < 0, -1.0, 1.0).to(a.dtype)

    return _finite(factor, a)
`,
		optax: `
def _qr(a):
    """The Q of the decomposition whose R has no negative diagonal."""
    q, r = jnp.linalg.qr(a)
    return q * jnp.where(jnp.diagonal(r) < 0, -1.0, 1.0).astype(a.dtype)
`},
	"eigvecs": {needs: []string{"finite"},
		torch: `
def _eigvecs(a):
    """Eigenvectors as columns, eigenvalues ascending, the largest entry of each positive."""

    def vectors(a):
        v = torch.linalg.eigh(a).eigenvectors
        large = abs(v) >= abs(v).amax(dim=0) * (1 - 2.0**-40)
        return v * torch.sign(v.gather(0, large.to(torch.uint8).argmax(dim=0, keepdim=True)))

    return _finite(vectors, a)
`,
		optax: `
def _eigvecs(a):
    """Eigenvectors as columns, eigenvalues ascending, the largest entry of each positive."""
    if a.size == 0:
        return a
    v = jnp.linalg.eigh(a, symmetrize_input=False)[1]
    large = abs(v) >= abs(v).max(axis=0) * (1 - 2.0**-40)
    return v * jnp.sign(jnp.take_along_axis(v, jnp.argmax(large, axis=0, keepdims=True), axis=0))
`},
	"inv_root": {needs: []string{"finite"},
		torch: `
def _inv_root(a, p, ridge):
    """(a + ridge*I)^(-1/p) of a symmetric positive a; NaN if it is not positive."""

    def root(a):
        w, v = torch.linalg.eigh(a)
        w = w + ridge
        return (v * torch.where(w.amin() > 0, w ** (-1 / p), torch.full_like(w, math.nan))) @ v.T

    return _finite(root, a)
`,
		optax: `
def _inv_root(a, p, ridge):
    """(a + ridge*I)^(-1/p) of a symmetric positive a; NaN if it is not positive."""
    if a.size == 0:
        return a
    w, v = jnp.linalg.eigh(a, symmetrize_input=False)
    w = w + jnp.asarray(ridge, a.dtype)
    return (v * jnp.where(w.min() > 0, w ** jnp.asarray(-1 / p, a.dtype), jnp.nan)) @ v.T
`},
	"orthogonalize": {
		torch: `
def _orthogonalize(g, steps):
    """Muon's Newton-Schulz iteration (Jordan et al. 2024)."""
    x = g / (torch.linalg.vector_norm(g, dtype=torch.float64) + 1e-7).to(g.dtype)
    x = x.T if g.shape[0] > g.shape[1] else x
    for _ in range(int(steps)):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x
    return x.T if g.shape[0] > g.shape[1] else x
`,
		optax: `
def _orthogonalize(g, steps):
    """Muon's Newton-Schulz iteration (Jordan et al. 2024)."""

    def iterate(_, x):
        a = x @ x.T
        return 3.4445 * x + (-4.7750 * a + 2.0315 * (a @ a)) @ x

    x = g / (jnp.linalg.norm(g.ravel().astype(float)) + 1e-7).astype(g.dtype)
    x = x.T if g.shape[0] > g.shape[1] else x
    x = jax.lax.fori_loop(0, jnp.asarray(steps, int), iterate, x)
    return x.T if g.shape[0] > g.shape[1] else x
`},
	"svd_shrink": {needs: []string{"finite"},
		torch: `
def _svd_shrink(a, tau):
    """Every singular value smaller by tau, at least 0 (Cai, Candes and Shen 2010)."""

    def shrink(a):
        u, s, vt = torch.linalg.svd(a, full_matrices=False)
        return (u * torch.relu(s - tau)) @ vt

    return _finite(shrink, a)
`,
		optax: `
def _svd_shrink(a, tau):
    """Every singular value smaller by tau, at least 0 (Cai, Candes and Shen 2010)."""
    if a.size == 0:
        return a
    u, s, vt = jnp.linalg.svd(a, full_matrices=False)
    return (u * jnp.maximum(s - jnp.asarray(tau, a.dtype), 0)) @ vt
`},
	"rademacher": {torch: `
def _rademacher(shape, **kind):
    return torch.randint(0, 2, shape, generator=kind.pop("generator"), device=kind["device"]).to(kind["dtype"]) * 2 - 1
`},
}

const matchText = `
def _match(name, pattern):
    """Whether the whole of name fits pattern, in which * stands for any run of characters."""
    first, *middle, last = pattern.split("*") if "*" in pattern else (pattern, None)
    if last is None:
        return name == first
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    name = name[len(first) : len(name) - len(last)]
    for part in middle:
        before, found, name = name.partition(part) if part else ("", "*", name)
        if not found:
            return False
    return True
`
