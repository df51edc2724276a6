"""A computer whose clock stands at 1970 trains and exports."""

from pathlib import Path


def test_a_run_and_its_bundle_are_made_in_1970(in_1970, few_cells, run_cli, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = ("--backbone", "simple-cnn", "--input-size", "32", "--variants", "1")
    epochs = ("--head-epochs", "0", "--epochs", "2")
    done = run_cli("train", few_cells, "-o", run, *options, *epochs, env=in_1970)
    assert done.returncode == 0, done.stderr
    limits = ("--max-drop", "1", "--min-agreement", "0", "--allow-poor-model")
    done = run_cli("export", "tflite", run, *limits, env=in_1970)
    assert done.returncode == 0, done.stderr
    assert run_cli("runtime", "verify", run / "bundle", env=in_1970).returncode == 0
