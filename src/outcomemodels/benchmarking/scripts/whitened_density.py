"""The density of the rows, written by hand, in coordinates between centred and non-centred; with its gradient."""

from __future__ import annotations

import bench_io
import numpy as np
from scipy import linalg, sparse


class Density:
    """Log density of (transformed SDs and correlations, coefficients and effects) and its gradient."""

    def __init__(self, problem, own_rows=False):
        p = self.p = problem
        own = [k for k, b in enumerate(p.blocks) if own_rows and bench_io.has_own_rows(p, b)]
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
        self.counted = p.family == "binomial"
        self.y = p.y
        self.codes = p.noise_codes if len(p.noise) > 1 else np.zeros(self.n, int)
        weight = p.weight if hasattr(p, "weight") else 1.0
        self.divisor = np.ones(self.n) * weight * (p.n if p.kind == "cells" else 1.0)
        self.known = p.known_variance if hasattr(p, "known_variance") else 0.0
        degrees = p.n - 1 if p.kind == "cells" else np.zeros(self.n)
        squares = np.nan_to_num(degrees * p.sd**2) if p.kind == "cells" else np.zeros(self.n)
        g = len(p.noise)
        self.degrees, self.squares = (np.bincount(self.codes, weights=x, minlength=g)[:g] for x in (degrees, squares))
        self.sums = None
        if self.counted:
            self.linearise(np.zeros(self.at[-1]))
        if g == 1 and not hasattr(p, "known_variance") and self.own is None:
            W = sparse.diags_array(self.divisor)
            gram = sparse.csr_array(self.Zt @ W @ self.Z)
            self.sums = gram, self.Zt @ (self.divisor * p.y), float(p.y @ (self.divisor * p.y))
        self.size = len(self.priors) + len(self.pairs)
        self.centred = [True] * len(p.blocks)
        self.told = [None] * len(p.blocks)
        self.small, self.pushed, self.share = np.zeros(0, int), {}, np.zeros((self.columns, 0))

    def linearise(self, u):
        """Normal responses and variances that have the slope and curvature of the counts' density at one point.

        Only the change of variables rests on them; the density is that of the counts.
        """
        eta = self.Z @ u
        chance = 1 / (1 + np.exp(-eta))
        weight = np.maximum(self.p.n * chance * (1 - chance), 1e-6)
        self.known, self.y = 1 / weight, eta + (self.p.y - self.p.n * chance) / weight

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
        if self.counted:
            return np.zeros(0), self.known
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
        if self.counted:
            noise = by_noise = np.zeros(0)
            eta = self.Z @ u
            value += float(self.p.y @ eta - self.p.n @ np.logaddexp(0.0, eta))
            g = self.Zt @ (self.p.y - self.p.n / (1 + np.exp(-eta)))
        elif self.sums is None:
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
