"""A sampler in a package of its own: near the best trial, nearer as the study goes on."""

from optuna.samplers import BaseSampler, RandomSampler


class NearBestSampler(BaseSampler):
    """Draws each number between a random one and that of the best trial."""

    many_objectives = False

    def __init__(self, seed, pull=0.5):
        self._random = RandomSampler(seed=seed)
        self._pull = pull

    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, param_name, param_distribution):
        drawn = self._random.sample_independent(study, trial, param_name, param_distribution)
        if not any(item.values for item in study.get_trials(deepcopy=False)):
            return drawn
        best = study.best_trial.params.get(param_name, drawn)
        if isinstance(drawn, float) and isinstance(best, float) and param_distribution.step is None:
            return drawn + self._pull * (best - drawn)
        return drawn
