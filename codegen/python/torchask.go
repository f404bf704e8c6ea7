package python

const askText = `
def _ask(self, closure, points):
    """The gradients and the loss at points; parameters and gradients are put back."""
    saved = {p: (p.clone(), p.grad) for p in points}
    try:
        for p, point in points.items():
            p.copy_(point.reshape(p.shape))
            p.grad = None
        with torch.enable_grad():
            loss = closure()
        grads = {p: torch.zeros_like(p) if p.grad is None else p.grad for p in points}
    finally:
        for p, (x, grad) in saved.items():
            p.copy_(x)
            p.grad = grad
    return grads, torch.as_tensor(loss, dtype=torch.float64)
`

const productText = `
def _product(self, closure, points, along):
    """The Hessian at points times along, by central differences of the gradient."""

    def norm(us):
        return math.sqrt(sum(float(torch.sum(u * u, dtype=torch.float64)) for u in us.values()))

    size = norm(along)
    if size == 0:
        return {p: torch.zeros_like(p) for p in points}
    exact = all(p.dtype == torch.float64 for p in points)
    h = (2**-17 if exact else 2**-8) * (1 + norm(points)) / size
    above, _ = self._ask(closure, {p: x + h * along[p] for p, x in points.items()})
    below, _ = self._ask(closure, {p: x - h * along[p] for p, x in points.items()})
    return {p: (above[p] - below[p]) / (2 * h) for p in points}
`
