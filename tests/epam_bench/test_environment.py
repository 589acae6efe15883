from __future__ import annotations

import torch

from epam_bench.environment import describe_environment


def test_environment_names_machine_and_versions() -> None:
    environment = describe_environment()
    assert environment.versions["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert environment.memory_bytes > 1e8
    assert environment.processor
    # Dirtiness is known exactly where a commit is.
    assert (environment.git_commit is None) or isinstance(environment.git_dirty, bool)


def test_package_that_is_not_installed_says_so(monkeypatch) -> None:
    from epam_bench import environment

    monkeypatch.setattr(environment, "RECORDED_PACKAGES", ("no-such-package",))
    assert environment._versions()["no-such-package"] == "not installed"
