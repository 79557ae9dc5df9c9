"""`DuckStorage`: Optuna studies in a DuckDB file, one row per trial.

Made for one process that runs and others that look: the file is locked for a flush, never between flushes.
What is asked of the storage is answered from memory; another process's flush is noticed by the file's size
and time, and only what changed since is read. A finished trial, a study and its attributes are stored
when the call returns; what a running trial gathers is stored with its end, or after half a second. Where two
processes write trials of one study, the later flush finds the numbers taken and says so.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
import threading
import time
import uuid
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage
from optuna.storages._base import DEFAULT_STUDY_NAME_PREFIX
from optuna.study._frozen import FrozenStudy
from optuna.study._study_direction import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from arbkit.study.block import WHOLE, Parts, TrialBlock
from arbkit.study.storages._duck_columns import read_columns
from arbkit.study.storages._duck_file import DuckFile
from arbkit.study.storages._duck_rows import insert_rows, read_trials, rows_of_block, rows_of_trials
from arbkit.study.storages.blocks import BlockStorage, taken

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["DuckStorage"]

#: A trial's id is its study's id, this often, and its number: no counter to keep, none to look up.
_TRIALS_PER_STUDY: Final = 1 << 32
#: What a running trial gathered is stored after this long.
_LATE_S: Final = 0.5


@dataclass
class _Held:
    """A study in memory. `trials` is None until they are asked for; `changed` are numbers not stored yet."""

    name: str
    directions: list[StudyDirection]
    user_attrs: dict[str, Any]
    system_attrs: dict[str, Any]
    trials: list[FrozenTrial] | None = None
    seen: int = -1
    changed: set[int] = field(default_factory=set)
    distributions: dict[str, BaseDistribution] = field(default_factory=dict)


class DuckStorage(BaseStorage, BlockStorage):
    """Keeps studies in one DuckDB file.

    Threads may share it; processes may open it at once, and one of them at a time may write a study.
    """

    def __init__(self, path: str | Path, *, create: bool = True) -> None:
        self._file = DuckFile(Path(path), create=create)
        self._begin()

    def _begin(self) -> None:
        self._guard = threading.RLock()
        self._forget()

    def _forget(self) -> None:
        self._held: dict[int, _Held] = {}
        self._version = -1
        self._stamp: bytes | None = None
        self._changed_at: float | None = None

    def __getstate__(self) -> dict[str, Any]:
        self.flush()
        return {"path": self._file.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._file = DuckFile(state["path"], create=False)
        self._begin()

    # Studies

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """Make a study; see `BaseStorage`."""
        name = DEFAULT_STUDY_NAME_PREFIX + str(uuid.uuid4()) if study_name is None else study_name
        with self._writing() as connection:
            if any(item.name == name for item in self._held.values()):
                raise DuplicatedStudyError(name)
            last = "UPDATE meta SET last_study = last_study + 1 RETURNING last_study"
            study_id = int(connection.execute(last).fetchall()[0][0])
            self._held[study_id] = _Held(name, list(directions), {}, {}, trials=[])
            self._store_study(connection, study_id)
        return study_id

    def delete_study(self, study_id: int) -> None:
        """Delete a study with its trials."""
        with self._writing() as connection:
            self._study(study_id)
            del self._held[study_id]
            for table in ("studies", "trials"):
                connection.execute(f"DELETE FROM {table} WHERE study_id = ?", [study_id])

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set a user attribute."""
        with self._writing() as connection:
            held = self._study(study_id)
            held.user_attrs = {**held.user_attrs, key: _plain(value)}
            self._store_study(connection, study_id)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set a system attribute."""
        with self._writing() as connection:
            held = self._study(study_id)
            held.system_attrs = {**held.system_attrs, key: _plain(value)}
            self._store_study(connection, study_id)

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the id of a study."""
        with self._fresh():
            for study_id, held in self._held.items():
                if held.name == study_name:
                    return study_id
        raise KeyError(f"no study {study_name!r}")

    def get_study_name_from_id(self, study_id: int) -> str:
        """Return the name of a study."""
        with self._fresh():
            return self._study(study_id).name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return the directions of a study."""
        with self._fresh():
            return self._study(study_id).directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the user attributes of a study."""
        with self._fresh():
            return self._study(study_id).user_attrs

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the system attributes of a study."""
        with self._fresh():
            return self._study(study_id).system_attrs

    def get_all_studies(self) -> list[FrozenStudy]:
        """Return all studies, in the order they were made."""
        with self._fresh():
            return [
                FrozenStudy(
                    study_name=held.name,
                    direction=None,
                    directions=held.directions,
                    user_attrs=copy.deepcopy(held.user_attrs),
                    system_attrs=copy.deepcopy(held.system_attrs),
                    study_id=study_id,
                )
                for study_id, held in sorted(self._held.items())
            ]

    # Trials

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Add a trial; it is stored at once unless it is running."""
        with self._fresh():
            held = self._study(study_id)
            trials = self._trials(study_id)
            trial = _running() if template_trial is None else copy.deepcopy(template_trial)
            trial.number = len(trials)
            trial._trial_id = _id(study_id, trial.number)
            held.distributions = {**trial.distributions, **held.distributions}
            trials.append(trial)
            self._changed(held, trial, now=trial.state != TrialState.RUNNING)
            return trial._trial_id

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """Set a parameter of a running trial."""
        with self._changing(trial_id) as (held, trial):
            if param_name in held.distributions:
                check_distribution_compatibility(held.distributions[param_name], distribution)
            held.distributions[param_name] = distribution
            value = distribution.to_external_repr(param_value_internal)
            trial.params = {**trial.params, param_name: value}
            trial.distributions = {**trial.distributions, param_name: distribution}

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Start a waiting trial, or end a running one; the end is stored when this returns."""
        with self._changing(trial_id, now=True) as (_, trial):
            if state == TrialState.RUNNING and trial.state != TrialState.WAITING:
                return False
            trial.state = state
            if values is not None:
                trial.values = list(values)
            if state == TrialState.RUNNING:
                trial.datetime_start = dt.datetime.now()
            if state.is_finished():
                trial.datetime_complete = dt.datetime.now()
        return True

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Report a value of a running trial."""
        with self._changing(trial_id) as (_, trial):
            trial.intermediate_values = {**trial.intermediate_values, step: intermediate_value}

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set a user attribute of a running trial."""
        with self._changing(trial_id) as (_, trial):
            trial.user_attrs = {**trial.user_attrs, key: _plain(value)}

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set a system attribute of a running trial."""
        with self._changing(trial_id) as (_, trial):
            trial.system_attrs = {**trial.system_attrs, key: _plain(value)}

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """Return the id of a trial."""
        if trial_number >= self.get_n_trials(study_id):
            raise KeyError(f"no trial {trial_number} in study {study_id}")
        return _id(study_id, trial_number)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial; what it holds is replaced, never changed."""
        with self._fresh():
            study_id, number = divmod(trial_id, _TRIALS_PER_STUDY)
            trials = self._trials(study_id) if study_id in self._held else []
            if number >= len(trials):
                raise KeyError(f"no trial with id {trial_id}")
            return trials[number]

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials of a study, by number."""
        with self._fresh():
            self._study(study_id)
            found = [item for item in self._trials(study_id) if states is None or item.state in states]
            return copy.deepcopy(found) if deepcopy else found

    def get_n_trials(self, study_id: int, state: tuple[TrialState, ...] | TrialState | None = None) -> int:
        """Count trials; without a state, or while no trial is in memory, none is read for it."""
        with self._fresh():
            held = self._study(study_id)
            if held.trials is not None:
                states = (state,) if isinstance(state, TrialState) else state
                return sum(states is None or item.state in states for item in held.trials)
            return self._count(study_id, state)

    def _count(self, study_id: int, state: tuple[TrialState, ...] | TrialState | None) -> int:
        states = tuple(TrialState) if state is None else (state,) if isinstance(state, TrialState) else state
        query = "SELECT count(*) FROM trials WHERE study_id = ? AND list_contains(?, state)"
        with self._file.reading() as connection:
            rows = connection.execute(query, [study_id, [item.name for item in states]]).fetchall()
        return int(rows[0][0])

    def remove_session(self) -> None:
        """Store what is not stored yet."""
        self.flush()

    def flush(self) -> None:
        """Store what running trials gathered."""
        with self._guard:
            if self._changed_at is not None:
                with self._writing():
                    pass

    # Blocks

    def append_block(self, study_id: int, block: TrialBlock) -> None:
        """Store trials under the numbers they have, in one transaction."""
        with self._writing() as connection:
            held = self._study(study_id)
            query = "SELECT count(*) FROM trials WHERE study_id = ?"
            stored = int(connection.execute(query, [study_id]).fetchall()[0][0])
            if stored != block.first:
                raise taken(block.first, f"{stored} are stored")
            insert_rows(connection, rows_of_block(study_id, block, self._version))
            if held.trials is not None and held.changed:
                held.trials += read_trials(connection, study_id, self._version - 1, _id(study_id, 0))
            elif held.trials is not None:  # read again only if somebody asks for the objects
                held.trials, held.seen = None, -1

    def read_block(self, study_id: int, parts: Parts = WHOLE) -> TrialBlock:
        """Return all trials of a study as columns."""
        self.flush()
        with self._fresh():
            objectives = len(self._study(study_id).directions)
            with self._file.reading() as connection:
                return read_columns(connection, study_id, objectives, parts)

    # What is in memory, and what is in the file

    @contextmanager
    def _fresh(self) -> Iterator[None]:
        """Hold the thread lock, with what other processes stored taken in."""
        with self._guard:
            stamp = self._file.stamp()
            if self._version < 0 or stamp != self._stamp:
                with self._file.reading() as connection:
                    self._take_in(connection)
                self._stamp = stamp
            yield

    @contextmanager
    def _writing(self) -> Iterator[DuckDBPyConnection]:
        """Write in one transaction, after what others stored is taken in; running trials go along."""
        with self._guard:
            try:
                with self._file.writing() as connection:
                    self._take_in(connection)
                    rows = connection.execute("UPDATE meta SET version = version + 1 RETURNING version")
                    self._version = int(rows.fetchall()[0][0])
                    yield connection
                    changed = self._store_changed(connection)
            except BaseException:
                # Nothing of it is in the file: read the studies anew before anything else.
                self._version = -1
                raise
            for held in changed:
                held.changed, held.seen = set(), self._version
            self._changed_at = None
            self._stamp = self._file.stamp()

    def _take_in(self, connection: DuckDBPyConnection) -> None:
        version = int(connection.execute("SELECT version FROM meta").fetchall()[0][0])
        if version == self._version:
            return
        query = "SELECT study_id, name, directions, user_attrs, system_attrs FROM studies ORDER BY study_id"
        held = {}
        for study_id, name, directions, user, system in connection.execute(query).fetchall():
            one = self._held.get(study_id) or _Held(
                name, [StudyDirection[item] for item in directions], {}, {}
            )
            one.user_attrs = {key: json.loads(text) for key, text in user.items()}
            one.system_attrs = {key: json.loads(text) for key, text in system.items()}
            held[study_id] = one
            if one.trials is not None:
                self._take_trials(connection, study_id, one, version)
        self._held, self._version = held, version

    def _take_trials(
        self, connection: DuckDBPyConnection, study_id: int, held: _Held, version: int
    ) -> list[FrozenTrial]:
        """Take in the trials of a study that were stored or changed since they were last looked at."""
        trials = held.trials = [] if held.trials is None else held.trials
        for item in read_trials(connection, study_id, held.seen, _id(study_id, 0)):
            if item.number in held.changed:
                held.trials, held.changed, held.seen = None, set(), -1
                raise taken(item.number, "another process has stored it")
            held.distributions = {**item.distributions, **held.distributions}
            trials[item.number : item.number + 1] = [item]
        held.seen = version
        return trials

    def _trials(self, study_id: int) -> list[FrozenTrial]:
        held = self._study(study_id)
        if held.trials is not None:
            return held.trials
        with self._file.reading() as connection:
            return self._take_trials(connection, study_id, held, self._version)

    @contextmanager
    def _changing(self, trial_id: int, *, now: bool = False) -> Iterator[tuple[_Held, FrozenTrial]]:
        """Change a copy of a trial that is not finished, and put it in its place."""
        with self._guard:
            trial = self._in_memory(trial_id) or self.get_trial(trial_id)
            self.check_trial_is_updatable(trial_id, trial.state)
            held, changed = self._held[trial_id // _TRIALS_PER_STUDY], copy.copy(trial)
            yield held, changed
            if vars(changed) != vars(trial):
                assert held.trials is not None
                held.trials[trial.number] = changed
                self._changed(held, changed, now=now)

    def _in_memory(self, trial_id: int) -> FrozenTrial | None:
        """Return a trial that this process runs: what others store does not change it."""
        study_id, number = divmod(trial_id, _TRIALS_PER_STUDY)
        held = self._held.get(study_id)
        return held.trials[number] if held and held.trials and number in held.changed else None

    def _changed(self, held: _Held, trial: FrozenTrial, *, now: bool) -> None:
        held.changed.add(trial.number)
        if self._changed_at is None:
            self._changed_at = time.monotonic()
        if now or time.monotonic() - self._changed_at > _LATE_S:
            with self._writing():
                pass

    def _store_changed(self, connection: DuckDBPyConnection) -> list[_Held]:
        stored = []
        for study_id, held in self._held.items():
            if held.changed and held.trials is not None:
                numbers = sorted(held.changed)
                delete = "DELETE FROM trials WHERE study_id = ? AND list_contains(?, number)"
                connection.execute(delete, [study_id, numbers])
                trials = [held.trials[number] for number in numbers]
                insert_rows(connection, rows_of_trials(study_id, trials, self._version))
                stored.append(held)
        return stored

    def _store_study(self, connection: DuckDBPyConnection, study_id: int) -> None:
        held = self._held[study_id]
        connection.execute("DELETE FROM studies WHERE study_id = ?", [study_id])
        row = [study_id, held.name, [item.name for item in held.directions]]
        for attrs in (held.user_attrs, held.system_attrs):
            row += [list(attrs), [json.dumps(value) for value in attrs.values()]]
        connection.execute(
            "INSERT INTO studies VALUES (?, ?, ?, map(?::VARCHAR[], ?::VARCHAR[]), "
            "map(?::VARCHAR[], ?::VARCHAR[]), ?)",
            [*row, self._version],
        )

    def _study(self, study_id: int) -> _Held:
        if study_id not in self._held:
            raise KeyError(f"no study with id {study_id}")
        return self._held[study_id]


def _id(study_id: int, number: int) -> int:
    return study_id * _TRIALS_PER_STUDY + number


def _plain(value: Any) -> Any:
    """Return what a value is once it is stored; refuse here what JSON cannot hold."""
    return json.loads(json.dumps(value))


def _running() -> FrozenTrial:
    return FrozenTrial(
        number=-1,
        state=TrialState.RUNNING,
        value=None,
        values=None,
        datetime_start=dt.datetime.now(),
        datetime_complete=None,
        params={},
        distributions={},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
        trial_id=-1,
    )
