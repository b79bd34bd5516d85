"""NUTS (nutpie) on the rows with every effect explicit, after a fixed linear change of variables.

Nothing is integrated out and nothing of the library is used: the density is that of the rows, written here by hand
(from their cross-products where all rows share one noise SD).
Coefficients and effects are moved and scaled by the mean and the Cholesky factor that they would have at one point of
the SDs, found by pilot runs; a fixed linear map changes no posterior, and takes away the correlations that make plain
NUTS slow (the intercept with the means of the effects). Effects of one column are written as the mean and SD that they
would have given their block's SD and what the data say of them at that point, which is between leaving them as they are
and SD times standard effects, level by level (Gorinova, Moore & Hoffman 2020, arXiv 1906.03028); in most blocks along
the axes of what the data say of all levels together. Blocks of two columns are written one way or the other.
What the data say of everything else is taken to move with the small blocks' effects, so that it stays where the data
put it (an intercept plus the mean of few effects, say) when their SD moves.

With the option ``own_rows``, effects of one row each are integrated out: their variance is added to the rows'.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from time import perf_counter

import bench_io
import numpy as np
import nutpie
from scipy import linalg, sparse

CENTRED_SHARE = 0.6
"""Least share of the prior variance that the data must take away for a block of two columns to be left as it is."""

MOST_SMALL = 320
"""Most levels of all small blocks together."""
MOST_TURNED = 400
"""Most levels of a block that is turned to the axes of what the data say of its levels."""

STEPS = 12
"""Fixed-point steps of the SDs before the pilot runs."""

NEAR_ZERO = 0.35
"""Posterior SD of the logarithm of an SD above which the SD itself, of either sign, is the coordinate."""


class Density:
    """Log density of (transformed SDs and correlations, coefficients and effects) and its gradient."""

    def __init__(self, problem, own_rows=False):
        p = self.p = problem
        own = [k for k, b in enumerate(p.blocks) if own_rows and has_own_rows(b)]
        self.own = own[0] if own else None
        self.blocks = [b | {"levels": 0} if k == self.own else b for k, b in enumerate(p.blocks)]
        self.n, self.columns = len(p.y), len(p.columns)
        parts, self.at = [sparse.csr_array(p.X.reshape(self.n, self.columns))], [self.columns]
        for block in self.blocks:
            if not block["levels"]:
                self.at.append(self.at[-1])
                continue
            q = len(block["columns"])
            rows = np.repeat(np.arange(self.n), q)
            cols = (block["codes"][:, None] * q + np.arange(q)).reshape(-1)
            shape = (self.n, block["levels"] * q)
            parts.append(sparse.csr_array((block["values"].reshape(-1), (rows, cols)), shape=shape))
            self.at.append(self.at[-1] + shape[1])
        self.Z = sparse.csr_array(sparse.hstack(parts, format="csr"))
        self.Zt = sparse.csr_array(self.Z.T)
        self.mean = np.array([c["mean"] for c in p.column_priors])
        self.sd = np.array([c["sd"] for c in p.column_priors])
        self.priors = [s for b in p.blocks for s in b["sds"]] + list(p.noise)
        self.first = np.concatenate([[0], np.cumsum([len(b["columns"]) for b in p.blocks])]).astype(int)
        self.pairs = [k for k, b in enumerate(p.blocks) if b["correlation"] is not None and len(b["columns"]) > 1]
        self.codes = p.noise_codes if len(p.noise) > 1 else np.zeros(self.n, int)
        weight = p.weight if hasattr(p, "weight") else 1.0
        self.divisor = np.ones(self.n) * weight * (p.n if p.kind == "cells" else 1.0)
        self.known = p.known_variance if hasattr(p, "known_variance") else 0.0
        degrees = p.n - 1 if p.kind == "cells" else np.zeros(self.n)
        squares = np.nan_to_num(degrees * p.sd**2) if p.kind == "cells" else np.zeros(self.n)
        g = len(p.noise)
        self.degrees, self.squares = (np.bincount(self.codes, weights=x, minlength=g) for x in (degrees, squares))
        self.sums = None
        if g == 1 and not hasattr(p, "known_variance") and self.own is None:
            W = sparse.diags_array(self.divisor)
            gram = sparse.csr_array(self.Zt @ W @ self.Z)
            self.sums = gram, self.Zt @ (self.divisor * p.y), float(p.y @ (self.divisor * p.y))
        self.size = len(self.priors) + len(self.pairs)
        self.centred = [True] * len(p.blocks)
        self.told = [None] * len(p.blocks)
        self.small, self.pushed, self.share = np.zeros(0, int), {}, np.zeros((self.columns, 0))

    def factors(self, t):
        """Lower factor of each block's covariance."""
        out = []
        for k in range(len(self.p.blocks)):
            L = np.diag(np.exp(t[self.first[k] : self.first[k + 1]]))
            if k in self.pairs:
                rho, s = np.tanh(t[len(self.priors) + self.pairs.index(k)]), L[1, 1]
                L[1] = rho * s, np.sqrt(1 - rho**2) * s
            out.append(L)
        return out

    def block(self, k):
        """Places of a block's effects."""
        return slice(self.at[k], self.at[k + 1])

    def effects(self, t, a):
        """Coefficients and effects in natural units."""
        return self.placed(a, self.factors(t))[0]

    def placed(self, a, factors):
        """The same, and what the small blocks' effects add to what the data say of everything else."""
        u, later = a.copy(), []
        for k, L in enumerate(factors):
            here = self.block(k)
            if self.told[k] is not None and k in self.pushed:
                later.append(k)
            elif self.told[k] is not None:
                mean, sd = self.given(k, L)
                u[here] = self.turned(k, mean + sd * a[here])
            elif not self.centred[k]:
                u[here] = (a[here].reshape(-1, len(L)) @ L.T).reshape(-1)
        push = self.share @ u[self.small]
        u[: self.columns] += push[: self.columns]
        for k in later:
            mean, sd = self.given(k, factors[k], push)
            u[self.block(k)] = self.turned(k, mean + sd * a[self.block(k)])
        return u, push

    def given(self, k, L, push=None):
        """Mean and SD of a block's effects given its SD and what the data are taken to say of each."""
        precision, weighted, _ = self.told[k]
        variance = 1 / (precision + L[0, 0] ** -2)
        if push is not None and k in self.pushed:
            weighted = weighted + push[self.pushed[k]]
        return weighted * variance, np.sqrt(variance)

    def turned(self, k, x, back=False):
        """From a block's axes to its levels, or back."""
        axes = self.told[k][2]
        return x if axes is None else axes.T @ x if back else axes @ x

    def variance(self, t):
        """Noise SDs and the variance of every row."""
        noise = np.exp(t[self.first[-1] : len(self.priors)])
        own = 0.0 if self.own is None else np.exp(2 * t[self.first[self.own]])
        return noise, noise[self.codes] ** 2 / self.divisor + self.known + own

    def __call__(self, t, a):
        """Value, and gradients with respect to both arguments."""
        value, dt, da = 0.0, np.zeros(self.size), np.zeros(len(a))
        for i, prior in enumerate(self.priors):
            x, slope = log_prior(prior, np.exp(t[i]))
            value += x + t[i]
            dt[i] += slope * np.exp(t[i]) + 1
        L = self.factors(t)
        u, push = self.placed(a, L)
        if self.sums is None:
            noise, v = self.variance(t)
            r = self.p.y - self.Z @ u
            value -= 0.5 * (np.log(v).sum() + (r**2 / v).sum())
            g = self.Zt @ (r / v)
            slope_v = (r**2 / v - 1) / v
            per_row = slope_v * noise[self.codes] ** 2 / self.divisor
            if self.own is not None:
                dt[self.first[self.own]] += slope_v.sum() * np.exp(2 * t[self.first[self.own]])
            by_noise = np.bincount(self.codes, weights=per_row, minlength=len(noise))
        else:  # the same from the rows' cross-products
            noise = np.exp(t[self.first[-1] : len(self.priors)])
            gram, cross, square = self.sums
            product = gram @ u
            misfit = (square - 2 * float(cross @ u) + float(u @ product)) / noise**2
            value -= 0.5 * float((2 * self.n * np.log(noise) + misfit)[0])
            g = (cross - product) / noise**2
            by_noise = misfit - self.n
        within = self.squares / noise**2
        value -= float((self.degrees * np.log(noise) + within / 2).sum())
        dt[self.first[-1] : len(self.priors)] += by_noise - self.degrees + within
        z = (u[: self.columns] - self.mean) / self.sd
        value -= 0.5 * float(z @ z)
        da[: self.columns] = g[: self.columns] - z / self.sd
        told = sorted((k for k in range(len(L)) if self.told[k] is not None), key=lambda k: k not in self.pushed)
        for k in told:
            g[self.block(k)] -= u[self.block(k)] / L[k][0, 0] ** 2
        back = np.concatenate([da[: self.columns], np.zeros(len(push) - self.columns)])
        waiting = len(self.pushed)
        for k in told:  # those that small blocks push come first
            if not waiting:
                g[self.small] += self.share.T @ back
            waiting -= 1
            here, p, (mean, sd) = self.block(k), L[k][0, 0] ** -2, self.given(k, L[k], push)
            slope, square, shrunk = self.turned(k, g[here], back=True), float((u[here] ** 2).sum()), p * sd**2
            if k in self.pushed:
                back[self.pushed[k]] = slope * sd**2
            value += float(np.log(sd).sum()) - 0.5 * p * square + 0.5 * len(sd) * float(np.log(p))
            da[here] = slope * sd
            dt[self.first[k]] += float((slope * shrunk * (2 * mean + sd * a[here]) + shrunk - 1).sum()) + p * square
        for k, F in enumerate(L):
            here, q = self.block(k), len(F)
            if k in told or k == self.own:
                continue
            if self.centred[k]:
                z = (
                    linalg.solve_triangular(F, a[here].reshape(-1, q).T, lower=True).T
                    if q > 1
                    else (a[here].reshape(-1, 1) / F[0, 0])
                )
                value -= 0.5 * float((z**2).sum()) + len(z) * float(np.log(np.diag(F)).sum())
                back = linalg.solve_triangular(F, z.T, lower=True, trans=1).T if q > 1 else z / F[0, 0]
                da[here] = g[here] - back.reshape(-1)
                dF = linalg.solve_triangular(F, z.T @ z - len(z) * np.eye(q), lower=True, trans=1)
            else:
                z, gu = a[here].reshape(-1, q), g[here].reshape(-1, q)
                value -= 0.5 * float((z**2).sum())
                da[here] = (gu @ F).reshape(-1) - a[here]
                dF = gu.T @ z
            at = self.first[k]
            dt[at : at + q] += (dF * F).sum(axis=1)
            if k in self.pairs:
                i = len(self.priors) + self.pairs.index(k)
                rho, s = np.tanh(t[i]), np.exp(t[at + 1])
                away = 1 - rho**2
                dt[i] += s * away * (dF[1, 0] - dF[1, 1] * rho / np.sqrt(away))
                eta = self.p.blocks[k]["correlation"]
                value += eta * np.log(away)
                dt[i] -= 2 * eta * rho
        return value, dt, da


def log_prior(prior, x):
    """Log density of an SD, up to a constant, and its derivative."""
    match prior["prior"]:
        case "half_normal":
            return -0.5 * (x / prior["scale"]) ** 2, -x / prior["scale"] ** 2
        case "half_student_t":
            df, s = prior["df"], prior["scale"]
            return -0.5 * (df + 1) * np.log1p(x**2 / (df * s**2)), -(df + 1) * x / (df * s**2 + x**2)
        case "exponential":
            return -prior["rate"] * x, -prior["rate"]
        case "pc":
            rate = -np.log(prior["tail"]) / prior["upper"]
            return -rate * x, -rate
        case other:
            raise ValueError(f"no such prior here: {other}")


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
        given = d.Zt @ ((d.p.y - d.Z @ start) / v) - flat * start
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


def sample(target, draws, tune, seed, accept, shown):
    """One chain; SDs, correlations and the shown effects, dims (draw, quantity), and divergences."""
    d = target.density

    def make_logp():
        def logp(x):
            value, slope = target(x)
            return (value, slope) if np.isfinite(value) else (-1e300, np.zeros(len(x)))

        return logp

    def make_expand(*_):
        def expand(x):
            t, a = target.place(np.asarray(x))
            return {"out": np.concatenate([t, d.effects(t, a)[shown]])}

        return expand

    compiled = nutpie.compiled_pyfunc.from_pyfunc(
        ndim=target.size,
        make_logp_fn=make_logp,
        make_expand_fn=make_expand,
        expanded_dtypes=[np.dtype("float64")],
        expanded_shapes=[(d.size + len(shown),)],
        expanded_names=["out"],
    )
    tree = nutpie.sample(
        compiled, draws=draws, tune=tune, chains=1, cores=1, seed=seed, target_accept=accept, progress_bar=False
    )
    steps = float(tree["sample_stats"]["n_steps"].values.mean()) if "n_steps" in tree["sample_stats"] else float("nan")
    return tree["posterior"]["out"].values[0], int(tree["sample_stats"]["diverging"].values.sum()), steps


def run(words):
    """One chain, for a pool of processes."""
    target, draws, tune, seed, accept, shown = words
    return sample(target, draws, tune, seed, accept, shown)


def has_own_rows(block):
    """Whether a block of one column has one row a level and nothing but ones."""
    return len(block["columns"]) == 1 and (block["values"] == 1).all() and np.bincount(block["codes"]).max() <= 1


def prepare(problem, seed, own_rows=False):
    """The density in good coordinates: pilot runs find where the SDs are and how each block is best written."""
    density = Density(problem, own_rows)
    spread = float(np.std(problem.y))
    centre = np.full(density.size, np.log(0.2 * spread))
    centre[density.first[-1] : len(density.priors)] = np.log(0.7 * spread)
    if problem.kind == "cells" and density.degrees.sum():
        centre[density.first[-1] : len(density.priors)] = 0.5 * np.log(density.squares / density.degrees)
    for k, block in enumerate(problem.blocks):
        for a in range(len(block["columns"])):
            size = np.sqrt((block["values"][:, a] ** 2).mean())
            centre[density.first[k] + a] -= np.log(max(size, 1e-12))
    centre[len(density.priors) :] = 0.0
    for _ in range(STEPS):
        centre = step(density, centre)
    scale, folded = np.full(density.size, 0.3), np.zeros(density.size, bool)
    for round_, (tune, draws) in enumerate(((300, 100), (300, 300))):
        tell(density, centre, scale)
        found, _, _ = sample(
            Whitened(density, centre, scale, folded), draws, tune, seed + round_, 0.8, np.zeros(0, int)
        )
        t = found[:, : density.size]
        sds = np.exp(t)
        folded = (t.std(axis=0) > NEAR_ZERO) & (np.arange(density.size) < len(density.priors))
        centre = np.where(folded, np.log(sds.mean(axis=0)), t.mean(axis=0))
        scale = np.maximum(np.where(folded, sds.std(axis=0), t.std(axis=0)), 1e-4)
        tell(density, centre, scale)
        variances = Whitened(density, centre, scale).variances
        for k, F in enumerate(density.factors(centre)):
            if density.told[k] is not None or k == density.own:
                continue
            natural = density.centred[k]
            prior = np.tile(np.diag(F @ F.T), problem.blocks[k]["levels"]) if natural else 1.0
            share = 1 - float((variances[density.block(k)] / prior).mean())
            sure = not folded[density.first[k] : density.first[k + 1]].any()
            density.centred[k] = share > CENTRED_SHARE and sure
    return Whitened(density, centre, scale, folded)


def step(density, centre):
    """One fixed-point step of the SDs towards where the data put them: mean squares of effects and of what is left."""
    d, out = density, centre.copy()
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


def named(problem, density, out):
    """Draws, dims (chain, draw, quantity), as the variables that are compared."""
    chains, draws = out.shape[:2]
    t = out[:, :, : density.size]
    u = np.full((chains, draws, density.at[-1]), np.nan)
    u[:, :, shown_places(problem, density)] = out[:, :, density.size :]

    def get(name):
        kind, k = (
            ("effect", name[6:]) if name.startswith("effect") else (name.rstrip("0123456789"), name.lstrip("sdcor"))
        )
        if name == "beta":
            return u[:, :, : density.columns] if density.columns else None
        if name == "noise":
            return np.exp(t[:, :, density.first[-1] : len(density.priors)])
        k = int(name.removeprefix(kind))
        if kind == "effect" and k == density.own:
            return None
        if kind == "sd":
            return np.exp(t[:, :, density.first[k] : density.first[k + 1]])
        if kind == "corr":
            if k not in density.pairs:
                return None
            rho = np.tanh(t[:, :, len(density.priors) + density.pairs.index(k)])
            one = np.ones_like(rho)
            return np.stack([np.stack([one, rho], -1), np.stack([rho, one], -1)], -2)
        return u[:, :, density.block(k)].reshape(chains, draws, -1, len(problem.blocks[k]["columns"]))

    return get


def shown_places(problem, density):
    """Places of the coefficients and of the effects that are compared."""
    places = list(range(density.columns))
    for k, block in enumerate(density.blocks):
        if k == density.own:
            continue
        q = len(block["columns"])
        places += [density.at[k] + level * q + a for level in block["shown"] for a in range(q)]
    return np.array(places, dtype=int)


def main():
    """Prepare, sample and write."""
    problem, settings = bench_io.start()
    if problem.family != "gaussian" or {p["prior"] for p in problem.column_priors} - {"normal"}:
        bench_io.cannot("written for Gaussian outcomes and normal priors")
    begin = perf_counter()
    target = prepare(problem, 1000 * settings.seed, "own_rows" in settings.option.split("+"))
    compile_s = perf_counter() - begin
    begin = perf_counter()
    shown = shown_places(problem, target.density)
    each = [
        (target, settings.draws, settings.tune, 1000 * settings.seed + 10 + c, settings.target_accept, shown)
        for c in range(settings.chains)
    ]
    with ProcessPoolExecutor(min(settings.chains, settings.cores), mp_context=get_context("fork")) as pool:
        found = list(pool.map(run, each))
    sample_s = perf_counter() - begin
    out = np.stack([f[0] for f in found])
    divergences = sum(f[1] for f in found)
    written = [
        "given its SD" if told is not None else "as it is" if centred else "SD times standard"
        for told, centred in zip(target.density.told, target.density.centred, strict=True)
    ]
    bench_io.finish(
        bench_io.collect(problem, named(problem, target.density, out)),
        seconds={"compile": compile_s, "sample": sample_s, "post": 0.0},
        packages=("nutpie", "numpy", "scipy"),
        note=f"{divergences} divergences; {found[0][2]:.0f} steps a draw; blocks written {written}",
    )


if __name__ == "__main__":
    main()
