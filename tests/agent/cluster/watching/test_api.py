"""Where the Kubernetes API is, as a file says."""

from pathlib import Path

import pytest

from agent.cluster.watching.api import ApiError, configuration


def test_a_file_that_is_none_is_named_with_its_setting(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("clusters: []")
    with pytest.raises(ApiError, match=r"addresses\.kubeconfig_file: '.*config'"):
        configuration(str(file))
