"""Keeps an Optuna study in a database that several processes or machines may share."""

import json
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
import sqlalchemy
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from runtime.errors import InputRefused, MachineError
from train.checkpoints.resume import option_differences
from train.tuning.search_space import TunedOption
from train.tuning.trials import Trial, TrialOutcome

HEARTBEAT_S, GRACE_S = 10, 60
"""A process reports every 10 s that its trial is alive.

After a minute without a report it counts as dead, and its trial is run again.
"""
MAX_RETRIES = 2
"""How often a trial is run again; one that kills its process each time must not run for ever."""
SQLITE_TIMEOUT_S = 60
"""How long to wait for another process that is writing to the same SQLite file."""
RANDOM_TRIALS = 8
"""The number of trials that are drawn uniformly before TPE uses their results."""
MIN_COMPLETE_TRIALS = 4
"""No trial is stopped early before this many are complete."""
MADE_BY, DEFAULTS, FAULT, RESULT = "made_by", "defaults", "fault", "result"


def open_study(url: str, name: str, seed: int, warmup: int, made_by: Mapping[str, Any]) -> Study:
    """Opens the study `name` in the database at `url`, or creates it.

    No trial is pruned in its first `warmup` epochs.

    Raises:
        InputRefused: the study has other data or options, or `url` is not one of a database.
        MachineError: the database cannot be reached, or the package for it is missing.
    """
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    with database_errors(url):
        storage = _storage(url)
        pruner = optuna.pruners.MedianPruner(
            n_startup_trials=MIN_COMPLETE_TRIALS, n_warmup_steps=warmup
        )
        study = optuna.create_study(
            storage=storage,
            sampler=_Sampler(seed),
            pruner=pruner,
            study_name=name,
            direction="maximize",
            load_if_exists=True,
        )
        _require_same_origin(study, json.loads(json.dumps(made_by)))
    return study


def enqueue_defaults(study: Study, dimensions: Sequence[TunedOption]) -> None:
    """Queues a trial with the default values, unless the study has one already."""
    for trial in study.get_trials(deepcopy=False):
        if trial.user_attrs.get(DEFAULTS) and trial.state != TrialState.FAIL:
            return
    defaults = {dimension.name: dimension.default for dimension in dimensions}
    study.enqueue_trial(defaults, user_attrs={DEFAULTS: True})


def study_trials(study: Study, dimensions: Sequence[TunedOption]) -> list[Trial]:
    """Returns all trials, in the order they began."""
    return [_trial(trial, dimensions) for trial in study.get_trials(deepcopy=False)]


@contextmanager
def database_errors(url: str) -> Generator[None, None, None]:
    """Turns the errors of SQLAlchemy and Optuna into one line, without the password."""
    try:
        yield
    except ArgumentError as error:
        raise InputRefused(
            "--storage",
            "expected the URL of a database, as sqlite:///study.db or "
            f"postgresql://user@host/name ({_line(error)})",
        ) from error
    except OperationalError as error:
        raise MachineError(
            hide_password(url), f"the database failed: {_line(error.orig)}"
        ) from error
    except DatabaseError as error:
        raise InputRefused(
            hide_password(url), f"is not a database of studies: {_line(error.orig)}"
        ) from error
    except (optuna.exceptions.StorageInternalError, UnboundLocalError) as error:
        # Optuna 5.0 raises UnboundLocalError if the database fails at the end of a trial.
        raise MachineError(
            hide_password(url), f"the database failed: {_line(_root(error))}"
        ) from error


def hide_password(url: str) -> str:
    """Returns the URL with its password hidden."""
    return sqlalchemy.make_url(url).render_as_string(hide_password=True)


def _storage(url: str) -> RDBStorage:
    engine_options: dict[str, Any] = {"pool_pre_ping": True}
    if sqlalchemy.make_url(url).get_backend_name() == "sqlite":
        engine_options = {"connect_args": {"timeout": SQLITE_TIMEOUT_S}}
    try:
        return RDBStorage(
            url.replace("{", "{{").replace("}", "}}"),
            engine_kwargs=engine_options,
            heartbeat_interval=HEARTBEAT_S,
            grace_period=GRACE_S,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=MAX_RETRIES),
        )
    except ImportError as error:
        package = getattr(error.__cause__, "name", None) or "for it"
        raise MachineError(
            hide_password(url),
            f"needs the package '{package}'; for PostgreSQL: pip install 'psycopg[binary]'",
        ) from error
    except RuntimeError as error:
        raise InputRefused(
            hide_password(url),
            f"was made by another version of Optuna ({_line(error)}); choose another --storage",
        ) from error


def _root(error: BaseException) -> BaseException:
    """Returns the first error of a chain."""
    inner = error.__cause__ or error.__context__
    return _root(inner) if inner else error


def _line(error: object) -> str:
    return " ".join(str(error).split())[:200]


def _require_same_origin(study: Study, made_by: Mapping[str, Any]) -> None:
    """Records what a new study is made by, and refuses one that is made by something else."""
    existing = study.user_attrs.get(MADE_BY)
    if existing is None and not study.get_trials(deepcopy=False):
        study.set_user_attr(MADE_BY, made_by)
        return
    differences = ["not made by this program"]
    if existing is not None:
        differences = list(option_differences(made_by, existing).values())
    if differences:
        raise InputRefused(
            f"study '{study.study_name}'",
            f"exists and differs ({'; '.join(differences)}); choose another --study or -o",
        )


def _trial(trial: FrozenTrial, dimensions: Sequence[TunedOption]) -> Trial:
    states: dict[TrialState, TrialOutcome] = {
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
        {
            dimension.name: dimension.value(trial.params[dimension.name])
            for dimension in dimensions
            if dimension.name in trial.params
        },
        result.get("val_accuracy"),
        result.get("val_loss"),
        result.get("epochs", 0),
        trial.duration.total_seconds() if trial.duration else None,
        bool(trial.user_attrs.get(DEFAULTS)),
    )


class _Sampler(TPESampler):
    """Draws as TPE, from the seed, the number of the trial and the results so far.

    Processes with the same seed therefore draw different values.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(n_startup_trials=RANDOM_TRIALS, seed=seed)
        self._study_seed = seed

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Seeds the draws of a trial, by making the sampler anew."""
        seed = (self._study_seed * 1_000_003 + trial.number) % 2**32
        super().__init__(n_startup_trials=RANDOM_TRIALS, seed=seed)
        super().before_trial(study, trial)
