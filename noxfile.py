"""Sessions: ``nox -s lint types tests plugins docs bench minimal calibration``."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
nox.options.sessions = ["lint", "types", "tests"]

PYTHONS = ["3.12", "3.13"]


def install(session: nox.Session, *groups: str) -> None:
    arguments = [item for group in groups for item in ("--group", group)]
    session.run_install(
        "uv",
        "sync",
        "--active",
        "--quiet",
        "--no-default-groups",
        *arguments,
        env={"VIRTUAL_ENV": session.virtualenv.location, "UV_PROJECT_ENVIRONMENT": session.virtualenv.location},
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: ``nox -s lint``."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict: ``nox -s types``."""
    install(session, "lint")
    session.run("mypy")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests: ``nox -s tests-3.13 -- tests/data``."""
    install(session, "test")
    session.run("pytest", "-q", *session.posargs)


@nox.session
def calibration(session: nox.Session) -> None:
    """Slow statistical tier, simulation-based calibration included: ``nox -s calibration``."""
    install(session, "test")
    session.run("pytest", "-q", "-m", "calibration", *session.posargs)


@nox.session
def plugins(session: nox.Session) -> None:
    """Install outside models into a clean environment and run their own tests: ``nox -s plugins``."""
    session.install(".", "pytest>=8.4")
    fresh = Path(session.create_tmp()) / "brand-new"
    if fresh.exists():
        shutil.rmtree(fresh)
    session.run("outcomemodels", "plugin", "new", "brand-new", "--out", str(fresh))
    folders = [fresh, *(p.parent.resolve() for p in sorted(Path("tests/plugins").glob("*/pyproject.toml")))]
    session.install(*map(str, folders))
    session.run("outcomemodels", "models", "--verbose")
    for folder in folders:
        with session.chdir(folder):
            session.run("pytest", "-q", "-p", "no:cacheprovider", *session.posargs)
    session.run("outcomemodels", "plugin", "check", "brand-new", "--tier", "static")
    session.run("pytest", "-q", "tests/test_registry.py")


@nox.session
def minimal(session: nox.Session) -> None:
    """Only the hard dependencies and pytest: ``nox -s minimal``."""
    install(session)
    session.install("pytest", "import-linter")
    session.run(
        "pytest", "-q", "tests/contracts", "tests/test_priors.py", "tests/design", "tests/inference/test_predict.py"
    )


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation: ``nox -s docs``."""
    install(session, "docs")
    session.run("sphinx-build", "-W", "-b", "html", "docs", "docs/_build")


@nox.session
def bench(session: nox.Session) -> None:
    """Micro-benchmarks and the quick run, or what is asked for: ``nox -s bench -- run --case insteval``."""
    install(session, "test")
    if session.posargs:
        session.run("outcomemodels", "bench", *session.posargs)
        return
    session.run("pytest", "-q", "benchmarks/micro")
    session.run("outcomemodels", "bench", "run", "--quick")
