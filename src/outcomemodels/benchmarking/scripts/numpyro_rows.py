"""NumPyro's NUTS on the rows, written for JAX; chains run in parallel on the cores there are."""

from __future__ import annotations

from time import perf_counter

import bench_io
import numpy as np

problem, settings = bench_io.start()

import numpyro  # noqa: E402

numpyro.set_host_device_count(min(settings.chains, settings.cores))
numpyro.enable_x64()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpyro.distributions as dist  # noqa: E402
from numpyro.infer import MCMC, NUTS  # noqa: E402


def half(prior):
    """A prior of a standard deviation as a NumPyro distribution."""
    match prior["prior"]:
        case "half_normal":
            return dist.HalfNormal(prior["scale"])
        case "half_student_t":
            return dist.TruncatedDistribution(dist.StudentT(prior["df"], 0.0, prior["scale"]), low=0.0)
        case "exponential":
            return dist.Exponential(prior["rate"])
        case "pc":
            return dist.Exponential(-np.log(prior["tail"]) / prior["upper"])
    raise ValueError(f"no such prior here: {prior}")


def effects(k, block, centred):
    """Effects of one block, levels x columns."""
    levels, q = block["levels"], len(block["columns"])
    sds = jnp.stack([numpyro.sample(f"sd{k}_{a}", half(p)) for a, p in enumerate(block["sds"])])
    numpyro.deterministic(f"sd{k}", sds)
    if block["correlation"] is not None and q > 1:
        factor = numpyro.sample(f"factor{k}", dist.LKJCholesky(q, block["correlation"]))
        numpyro.deterministic(f"corr{k}", factor @ factor.T)
        chol = sds[:, None] * factor
        if centred:
            with numpyro.plate(f"levels{k}", levels):
                return numpyro.sample(f"effect{k}", dist.MultivariateNormal(jnp.zeros(q), scale_tril=chol))
        z = numpyro.sample(f"z{k}", dist.Normal(0, 1).expand([levels, q]).to_event(2))
        return numpyro.deterministic(f"effect{k}", z @ chol.T)
    if centred:
        return numpyro.sample(f"effect{k}", dist.Normal(0, sds).expand([levels, q]).to_event(2))
    z = numpyro.sample(f"z{k}", dist.Normal(0, 1).expand([levels, q]).to_event(2))
    return numpyro.deterministic(f"effect{k}", z * sds)


def model(centred):
    """The generative story of the problem."""
    linear = jnp.zeros(len(problem.y))
    if problem.columns:
        mean = np.array([p["mean"] for p in problem.column_priors])
        spread = np.array([p["sd"] for p in problem.column_priors])
        beta = numpyro.sample("beta", dist.Normal(mean, spread).to_event(1))
        linear = linear + problem.X @ beta
    for k, block in enumerate(problem.blocks):
        linear = linear + (effects(k, block, centred)[block["codes"]] * block["values"]).sum(axis=1)
    if problem.family == "binomial":
        numpyro.sample("y", dist.Binomial(problem.n.astype(int), logits=linear), obs=problem.y)
        return
    noise = jnp.stack([numpyro.sample(f"noise_{g}", half(p)) for g, p in enumerate(problem.noise)])
    numpyro.deterministic("noise", noise)
    sd = noise[problem.noise_codes]
    variance = sd**2 / problem.n if problem.kind == "cells" else sd**2
    numpyro.sample("y", dist.Normal(linear, jnp.sqrt(variance)), obs=problem.y)
    if problem.kind == "cells":
        degrees = problem.n - 1
        squares = np.nan_to_num(degrees * problem.sd**2)
        numpyro.factor("within", (-degrees * jnp.log(sd) - squares / (2 * sd**2)).sum())


if __name__ == "__main__":
    if hasattr(problem, "weight") or hasattr(problem, "known_variance"):
        bench_io.cannot("weights and known variances are not written for numpyro here")
    begin = perf_counter()
    mcmc = MCMC(
        NUTS(model, target_accept_prob=settings.target_accept),
        num_warmup=settings.tune,
        num_samples=settings.draws,
        num_chains=settings.chains,
        chain_method="parallel",
        progress_bar=False,
    )
    key, centred = jax.random.PRNGKey(settings.seed), settings.option == "centred"
    mcmc._compile(key, centred=centred)  # runs no iteration: what the run below would compile
    compile_s = perf_counter() - begin
    begin = perf_counter()
    mcmc.run(key, centred=centred)
    samples = {name: np.asarray(v) for name, v in mcmc.get_samples(group_by_chain=True).items()}
    sample_s = perf_counter() - begin
    begin = perf_counter()
    draws = bench_io.collect(problem, samples.get)
    divergences = int(np.asarray(mcmc.get_extra_fields()["diverging"]).sum())
    bench_io.finish(
        draws,
        seconds={"compile": compile_s, "sample": sample_s, "post": perf_counter() - begin},
        packages=("numpyro", "jax"),
        note=f"{divergences} divergences" if divergences else "",
    )
