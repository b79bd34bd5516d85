"""A fixed linear change of variables under which a density is nearly a standard normal, and what it is built on."""

from __future__ import annotations

import numpy as np
from scipy import linalg, sparse

NEWTON_STEPS = 6
MOST_SMALL = 320
"""Most levels of all small blocks together."""
MOST_TURNED = 400
"""Most levels of a block that is turned to the axes of what the data say of its levels."""


class Whitened:
    """The density in coordinates in which it is nearly a standard normal.

    ``scale`` dims (SD or correlation,) is of logarithms, or of the SDs themselves where ``folded``.
    """

    def __init__(self, density, centre, scale, folded=False):
        d = self.density = density
        self.centre, self.scale = centre, scale
        self.folded = np.broadcast_to(folded, d.size)
        steps, prior = [sparse.eye_array(d.columns)], [sparse.csr_array((d.columns, d.columns))]
        start, flat, pushes = np.zeros(d.at[-1]), np.zeros(d.at[-1]), [(slice(0, d.columns), d.share[: d.columns])]
        flat[: d.columns] = 1 / d.sd**2
        for k, (b, F) in enumerate(zip(d.blocks, d.factors(centre), strict=True)):
            every = sparse.eye_array(b["levels"])
            if d.told[k] is not None:
                mean, sd = d.given(k, F)
                start[d.block(k)], flat[d.block(k)] = d.turned(k, mean), 1 / F[0, 0] ** 2
                if k in d.pushed:
                    pushes.append((d.block(k), d.turned(k, sd[:, None] ** 2 * d.share[d.pushed[k]])))
                axes = d.told[k][2]
                steps.append(sparse.diags_array(sd) if axes is None else sparse.csr_array(axes * sd))
                prior.append(sparse.csr_array((len(sd), len(sd))))
            elif d.centred[k]:
                steps.append(sparse.eye_array(b["levels"] * len(F)))
                prior.append(sparse.kron(every, np.linalg.inv(F @ F.T)))
            else:
                steps.append(sparse.kron(every, F))
                prior.append(sparse.kron(every, np.eye(len(F))))
        _, v = d.variance(centre)
        J = sparse.block_diag(steps, format="csr")
        push = np.zeros((d.at[-1], len(d.small)))
        for here, rows in pushes:
            push[here] = rows
        J = sparse.csr_array(J + sparse.csr_array(push) @ J[d.small])
        start += push @ start[d.small]
        G = sparse.csr_array(d.Zt @ sparse.diags_array(1 / v) @ d.Z + sparse.diags_array(flat))
        P = sparse.csr_array(J.T @ G @ J + sparse.block_diag(prior, format="csr"))
        given = d.Zt @ ((d.y - d.Z @ start) / v) - flat * start
        given[: d.columns] += d.mean / d.sd**2
        right = J.T @ given
        single = [k for k, b in enumerate(d.blocks) if len(b["columns"]) == 1 and k != d.own]
        big = max(single, key=lambda k: d.blocks[k]["levels"], default=None)
        self.inside = np.arange(d.at[big], d.at[big + 1]) if big is not None else np.zeros(0, int)
        self.rest = np.setdiff1d(np.arange(d.at[-1]), self.inside)
        self.D = P.diagonal()[self.inside]
        self.B = sparse.csr_array(P[self.rest][:, self.inside])
        self.Bt = sparse.csr_array(self.B.T)
        S = (P[self.rest][:, self.rest] - self.B @ sparse.diags_array(1 / self.D) @ self.Bt).toarray()
        self.root = np.ascontiguousarray(linalg.cholesky(S, lower=True))
        half = right[self.rest] - self.B @ (right[self.inside] / self.D)
        self.mean = np.empty(d.at[-1])
        self.mean[self.rest] = linalg.cho_solve((self.root, True), half)
        self.mean[self.inside] = (right[self.inside] - self.Bt @ self.mean[self.rest]) / self.D
        own = np.zeros(d.at[-1])
        inverse = linalg.solve_triangular(self.root, np.eye(len(S)), lower=True)
        own[self.rest] = (inverse**2).sum(axis=0)
        coupling = sparse.diags_array(1 / self.D) @ (self.Bt @ inverse.T)
        own[self.inside] = 1 / self.D + (coupling**2).sum(axis=1)
        self.variances, self.inverse, self.coupling = own, inverse, coupling
        self.size = d.size + d.at[-1]

    def covariance(self, some):
        """Of everything with some that are not eliminated, at the centre; dims (variable, one of some)."""
        right = self.inverse[:, np.searchsorted(self.rest, some)]
        out = np.empty((len(self.variances), len(some)))
        out[self.rest], out[self.inside] = self.inverse.T @ right, -self.coupling @ right
        return out

    def place(self, x):
        """From whitened coordinates to those of the density."""
        d = self.density
        t = np.where(self.folded, np.exp(self.centre), self.centre) + self.scale * x[: d.size]
        t[self.folded] = np.log(np.maximum(np.abs(t[self.folded]), 1e-9))
        e = x[d.size :]
        a = np.empty(len(e))
        rest = linalg.solve_triangular(self.root, e[self.rest], lower=True, trans=1, check_finite=False)
        a[self.rest] = rest
        a[self.inside] = e[self.inside] / np.sqrt(self.D) - (self.Bt @ rest) / self.D
        return t, a + self.mean

    def __call__(self, x):
        """Value and gradient."""
        d = self.density
        t, a = self.place(x)
        if not (np.abs(t) < 50).all():
            return -np.inf, np.zeros(len(x))
        with np.errstate(over="ignore", invalid="ignore"):
            value, dt, da = d(t, a)
        value -= float(t[self.folded].sum())
        side = np.sign(np.exp(self.centre) + self.scale * x[: d.size])
        dt = np.where(self.folded, (dt - 1) * side * np.exp(-t), dt)
        g = np.empty(d.at[-1])
        own = da[self.inside]
        g[self.inside] = own / np.sqrt(self.D)
        g[self.rest] = linalg.solve_triangular(
            self.root, da[self.rest] - self.B @ (own / self.D), lower=True, check_finite=False
        )
        return float(value), np.concatenate([self.scale * dt, g])


def settle(density, centre):
    """Counts: take the normal density that stands for theirs to where coefficients and effects have their mode."""
    for _ in range(NEWTON_STEPS if density.counted else 0):
        density.linearise(density.effects(centre, Whitened(density, centre, np.ones(density.size)).mean))


def step(density, centre):
    """One fixed-point step of the SDs towards where the data put them: mean squares of effects and of what is left."""
    d, out = density, centre.copy()
    settle(d, centre)
    at = Whitened(d, centre, np.ones(d.size))
    u, noise, fitted = at.mean, np.exp(centre[d.first[-1] : len(d.priors)]), d.columns
    for k, F in enumerate(d.factors(centre)):
        if k == d.own:
            continue
        here, q = d.block(k), len(F)
        natural = u[here].reshape(-1, q)
        variance = at.variances[here].reshape(-1, q)
        sds = np.sqrt((natural**2 + variance).mean(axis=0))
        out[d.first[k] : d.first[k + 1]] = np.log(sds)
        fitted += float((1 - variance / np.diag(F @ F.T)).sum())
        if k in d.pairs:
            rho = (natural[:, 0] * natural[:, 1]).mean() / (sds[0] * sds[1])
            out[len(d.priors) + d.pairs.index(k)] = np.arctanh(np.clip(rho, -0.9, 0.9))
    if d.counted:
        return out
    v = d.variance(centre)[1]
    rest = (d.p.y - d.Z @ u) ** 2
    squares = rest / v
    if d.own is not None:
        own = np.exp(2 * centre[d.first[d.own]])
        out[d.first[d.own]] = 0.5 * np.log(np.mean((own / v) ** 2 * rest + own * (1 - own / v)))
    share = np.bincount(d.codes, minlength=len(noise)) * max(1 - fitted / d.n, 0.05)
    left = np.bincount(d.codes, weights=squares, minlength=len(noise)) + d.squares / noise**2
    out[d.first[-1] : len(d.priors)] += 0.5 * np.log(np.maximum(left, 1e-12) / (share + d.degrees))
    return out


def tell(density, centre, scale):
    """Note what the data say at one point of every effect of a block of one column: precision, and mean times it."""
    settle(density, centre)
    d, levels = density, [b["levels"] for b in density.blocks]
    one = [k for k, b in enumerate(d.blocks) if len(b["columns"]) == 1 and k != d.own]
    for k in one:
        d.told[k] = None
    d.small, d.pushed, d.share = np.zeros(0, int), {}, np.zeros((d.columns, 0))
    at = Whitened(d, centre, scale)
    ascending = [k for k in sorted(one, key=lambda k: levels[k]) if d.at[k] not in at.inside]
    small = [k for i, k in enumerate(ascending) if sum(levels[j] for j in ascending[: i + 1]) <= MOST_SMALL]
    places = {k: np.arange(d.at[k], d.at[k + 1]) for k in one}
    d.small = np.sort(np.concatenate([np.zeros(0, int), *[places[k] for k in small]]))
    covariance = at.covariance(d.small)
    follows = linalg.solve(covariance[d.small], covariance.T, assume_a="pos").T  # regression on the small blocks
    rows, total = [follows[: d.columns]], d.columns
    for k in one:
        here, p, axes = places[k], np.exp(-2 * centre[d.first[k]]), None
        if k in small:
            mean = at.mean[here]
            values, axes = np.linalg.eigh(covariance[here][:, np.searchsorted(d.small, here)])
        else:
            mean = at.mean[here] - follows[here] @ at.mean[d.small]
            values = at.variances[here] - (follows[here] * covariance[here]).sum(axis=1)
            if k in ascending and levels[k] <= MOST_TURNED:
                values, axes = np.linalg.eigh(at.covariance(here)[here] - follows[here] @ covariance[here].T)
        precision = np.maximum(1 / values - p, 0.0)
        d.told[k] = precision, (mean if axes is None else axes.T @ mean) / values, axes
        if k not in small:
            rows.append((follows[here] if axes is None else axes.T @ follows[here]) * (precision + p)[:, None])
            d.pushed[k] = slice(total, total + levels[k])
            total += levels[k]
    d.share = np.concatenate(rows)
