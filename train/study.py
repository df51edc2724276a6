"""A study of Optuna in a database that several processes, or machines, share and that outlives all of them."""

import json
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
import sqlalchemy
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from runtime.errors import InputRefused, MachineError
from train.space import Dimension
from train.trials import State, Trial
from train.unfinished import differences

HEARTBEAT_S, GRACE_S = 10, 60
"""A process says every 10 s that its trial is alive; one that was silent for a minute is taken for dead, and its trial is begun anew."""
RETRIES = 2
"""So often: a trial that kills its process each time must not do so for ever."""
WAIT_S = 60
"""For another process that is writing to the same SQLite file."""
RANDOM_TRIALS = 8
"""Drawn evenly before TPE goes by what was found."""
JUDGED_FROM = 4
"""No trial is stopped early before so many came to their end."""
MADE_BY, DEFAULTS, FAULT, RESULT = "made_by", "defaults", "fault", "result"


def open_study(url: str, name: str, seed: int, warmup: int, made_by: Mapping[str, Any]) -> Study:
    """The study called `name` in the database at `url`, made if there is none. Trials are pruned after `warmup` epochs at the earliest.

    Raises:
        InputRefused: the study there is of other data or options, or `url` names no database.
        MachineError: the database cannot be reached, or the package that speaks to it is missing.
    """
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    with database_errors(url):
        storage = _storage(url)
        pruner = optuna.pruners.MedianPruner(n_startup_trials=JUDGED_FROM, n_warmup_steps=warmup)
        study = optuna.create_study(
            storage=storage, sampler=_Sampler(seed), pruner=pruner, study_name=name, direction="maximize", load_if_exists=True
        )
        _claim(study, json.loads(json.dumps(made_by)))
    return study


def enqueue_defaults(study: Study, dimensions: Sequence[Dimension]) -> None:
    """Has the values that a training would take without tuning tried first, unless they were."""
    tried = [trial for trial in study.get_trials(deepcopy=False) if trial.user_attrs.get(DEFAULTS) and trial.state != TrialState.FAIL]
    if not tried:
        study.enqueue_trial({dimension.name: dimension.default for dimension in dimensions}, user_attrs={DEFAULTS: True})


def trials_of(study: Study, dimensions: Sequence[Dimension]) -> list[Trial]:
    """All trials, in the order they began."""
    return [_plain(trial, dimensions) for trial in study.get_trials(deepcopy=False)]


@contextmanager
def database_errors(url: str) -> Generator[None, None, None]:
    """Turns what SQLAlchemy and Optuna raise within it into one line, without the password."""
    try:
        yield
    except ArgumentError as error:
        reason = f"expected the URL of a database, as sqlite:///study.db or postgresql://user@host/name ({_line(error)})"
        raise InputRefused("--storage", reason) from error
    except OperationalError as error:
        raise MachineError(shown(url), f"the database failed: {_line(error.orig)}") from error
    except DatabaseError as error:
        raise InputRefused(shown(url), f"is no database of studies: {_line(error.orig)}") from error
    except optuna.exceptions.StorageInternalError as error:
        raise MachineError(shown(url), f"the database failed: {_line(_root(error))}") from error
    except UnboundLocalError as error:  # of Optuna 5.0, where the database fails while a trial is being ended
        raise MachineError(shown(url), f"the database failed: {_line(_root(error))}") from error


def shown(url: str) -> str:
    """The URL with its password hidden."""
    return sqlalchemy.make_url(url).render_as_string(hide_password=True)


def _storage(url: str) -> RDBStorage:
    local = sqlalchemy.make_url(url).get_backend_name() == "sqlite"
    try:
        return RDBStorage(
            url.replace("{", "{{").replace("}", "}}"),
            engine_kwargs={"connect_args": {"timeout": WAIT_S}} if local else {"pool_pre_ping": True},
            heartbeat_interval=HEARTBEAT_S,
            grace_period=GRACE_S,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=RETRIES),
        )
    except ImportError as error:
        package = getattr(error.__cause__, "name", None) or "that speaks to it"
        raise MachineError(shown(url), f"needs the package '{package}'; for PostgreSQL: pip install 'psycopg[binary]'") from error
    except RuntimeError as error:
        raise InputRefused(shown(url), f"was made by an Optuna that this one does not get on with: {_line(error)}") from error


def _root(error: BaseException) -> BaseException:
    while inner := error.__cause__ or error.__context__:
        error = inner
    return error


def _line(error: object) -> str:
    return " ".join(str(error).split())[:200]


def _claim(study: Study, made_by: Mapping[str, Any]) -> None:
    there = study.user_attrs.get(MADE_BY)
    if there is None and not study.get_trials(deepcopy=False):
        study.set_user_attr(MADE_BY, made_by)
        return
    found = list(differences(made_by, there).values()) if there is not None else ["not made by this program"]
    if found:
        raise InputRefused(
            f"study '{study.study_name}'", f"is there already and differs ({'; '.join(found)}); choose another --study or -o"
        )


def _plain(trial: FrozenTrial, dimensions: Sequence[Dimension]) -> Trial:
    states: dict[TrialState, State] = {
        TrialState.COMPLETE: "complete",
        TrialState.PRUNED: "diverged" if FAULT in trial.user_attrs else "pruned",
        TrialState.FAIL: "failed",
        TrialState.RUNNING: "running",
        TrialState.WAITING: "waiting",
    }
    result = trial.user_attrs.get(RESULT, {})
    return Trial(
        trial.number,
        states[trial.state],
        {dimension.name: dimension.value(trial.params[dimension.name]) for dimension in dimensions if dimension.name in trial.params},
        result.get("val_accuracy"),
        result.get("val_loss"),
        result.get("epochs", 0),
        trial.duration.total_seconds() if trial.duration else None,
        bool(trial.user_attrs.get(DEFAULTS)),
    )


class _Sampler(BaseSampler):
    """TPE whose draws depend on the seed, the trial's number and what was found: processes with one seed do not draw the same."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._tpe = TPESampler(seed=seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Begins the draws of a trial."""
        self._tpe = TPESampler(n_startup_trials=RANDOM_TRIALS, seed=(self._seed * 1_000_003 + trial.number) % 2**32)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As TPE."""
        return self._tpe.infer_relative_search_space(study, trial)

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """As TPE."""
        return self._tpe.sample_relative(study, trial, search_space)

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """As TPE."""
        return self._tpe.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """As TPE."""
        self._tpe.after_trial(study, trial, state, values)
