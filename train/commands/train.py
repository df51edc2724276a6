"""Runs `python -m train DIR`, which fine-tunes a classifier on a folder of images."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import CommandParser, add_json, add_output, add_version
from runtime.errors import DONE, InputRefused
from runtime.shared.rerun_command import rerun_command
from runtime.shared.statistics import counted_images
from runtime.shared.wording import counted
from runtime.system.atomic_files import require_writable_folder
from runtime.system.lazy_loading import requires_extra
from runtime.system.subprocesses import child_environment, python_command
from runtime.system.terminal import escape_control_chars, quiet, say
from train.commands.arguments import add_cache, add_data, add_strict
from train.commands.cache_limit import limit_cache
from train.commands.interrupts import ends_soon
from train.commands.table import TRAIN, VERBS
from train.configuration.flags import add_flags, options_from_arguments
from train.configuration.options import TrainOptions
from train.distribution.arguments import (
    add_distribute,
    choose_strategy,
    only_chief_reports,
    worker_position,
)
from train.distribution.connections import LOST
from train.distribution.supervisor import run_supervised
from train.growth import Growth, find_growth, old_options
from train.trainer import OneClassResult, TrainResult, train
from workstation.keras_setup import prepare_tensorflow

MIN_GAP = 0.03
"""Validation accuracy above the test accuracy that is reported, if it is above its interval too."""
EXPORTS = ("tflite", "onnx", "all")
"""What `export` takes as its first word; this package never imports that one."""
NAME = program_name("train")


def main(arguments: Sequence[str]) -> int:
    """Runs the command line `arguments`; returns the exit code."""
    options = _parser().parse_args(arguments)
    where = worker_position(options.distribute, options.worker)
    if where is None:
        return _train(options, arguments, None)
    ended = f"worker {where[0] + 1} of {where[1]}: {LOST}"
    return run_supervised(NAME, lambda _: _train(options, arguments, where), ended)


def _train(
    parsed: argparse.Namespace, arguments: Sequence[str], where: tuple[int, int] | None
) -> int:
    options, growth = options_from_arguments(parsed), None
    if parsed.add or parsed.old_run:
        growth = _growth(parsed, options)
        options, parsed.data = old_options(growth, options), growth.folder.root
    elif parsed.data is None:
        raise InputRefused("DIR", "expected a folder of images, or --from RUN --add DIR")
    if parsed.log:
        if options.one_class:
            raise InputRefused("--log", "one class has no epochs and no mistakes; leave it out")
        require_writable_folder(parsed.log)
    run = parsed.output or _default_run(parsed)
    command = rerun_command("train", arguments)
    with ends_soon(NAME, "the same command continues from the last whole epoch"):
        strategy = choose_strategy(parsed.distribute, where)
        with only_chief_reports(strategy):
            result = train(
                parsed.data,
                run,
                options,
                cache=parsed.cache,
                strict=parsed.strict,
                overwrite=parsed.overwrite,
                resume=parsed.resume,
                command=command,
                strategy=strategy,
                growth=growth,
            )
    limit_cache(parsed)
    if result is None:
        return DONE
    if isinstance(result, OneClassResult):
        print_result(
            {"run": result.run, **result.figures, "reused": result.reused},
            as_json=parsed.json,
            text=lambda: _one_class_text(result),
        )
    else:
        if gap := _gap(result):
            say(f"{NAME}: {gap}")
        print_result(result, as_json=parsed.json, text=lambda: _text(result))
        if parsed.log:
            _write_log(run, parsed.log)
    say(f"report: {run / 'report.html'}")
    if parsed.export:
        _go_on_with_export(parsed, run)
    bundle = growth.run / "bundle" if growth else None  # where export writes it by default
    compared = f" --against {shlex.quote(str(bundle))}" if bundle and bundle.is_dir() else ""
    say(f"next: {program_name('export')} tflite {shlex.quote(str(run))}{compared}")
    return DONE


def _growth(parsed: argparse.Namespace, options: TrainOptions) -> Growth:
    if not (parsed.add and parsed.old_run):
        given, missing = ("--add", "--from RUN") if parsed.add else ("--from", "--add DIR")
        raise InputRefused(given, f"needs {missing}")
    return find_growth(parsed.old_run, parsed.add, parsed.data, options.group_by)


def _default_run(parsed: argparse.Namespace) -> Path:
    """Returns runs/NAME-OF-DATA, or a name for the next of an old run: fruit, fruit-2, fruit-3."""
    if not parsed.old_run:
        return Path("runs", os.path.basename(os.path.realpath(parsed.data)))
    old = Path(os.path.realpath(parsed.old_run))
    name, dash, number = old.name.rpartition("-")
    if dash and number.isdecimal():
        return old.with_name(f"{name}-{int(number) + 1}")
    return old.with_name(f"{old.name}-2")


def _go_on_with_export(parsed: argparse.Namespace, run: Path) -> NoReturn:
    """Replaces this process by `export`, which needs the memory that training took."""
    flags = [f"--{name}" for name in ("overwrite", "json") if getattr(parsed, name)]
    command = python_command("-m", "export", parsed.export, *flags, "--", run)
    sys.stdout.flush()
    os.execve(command[0], command, child_environment())


def _write_log(run: Path, folder: Path) -> None:
    prepare_tensorflow()
    with quiet(), requires_extra("train", "--log"):
        from train.report.event_log import write_event_log

        events = write_event_log(run, folder)
    say(f"events: {events} (tensorboard --logdir {shlex.quote(str(folder))})")


def _text(result: TrainResult) -> str:
    if result.reused:
        origin = "already there, made by this command"
    else:
        origin = f"trained in {result.seconds:.0f} s"
    return (
        f"{escape_control_chars(result.run)}: {origin}; test accuracy {result.test_accuracy:.4f} "
        f"(95 % interval {result.test_accuracy_low:.4f} to {result.test_accuracy_high:.4f} "
        f"on {counted_images(result.test_images, result.test_objects)}), "
        f"balanced {result.balanced_accuracy:.4f}, "
        f"validation {result.val_accuracy:.4f} ({result.kept_weights})"
    )


def _one_class_text(result: OneClassResult) -> str:
    figures = result.figures
    images = counted_images(figures["test_images"], figures["test_objects"])
    lines = [
        f"{escape_control_chars(result.run)}: one class, from"
        f" {counted(figures['train_images'], 'training image')}"
        f"{', already there' if result.reused else ''}",
        f"  kept {figures['known_kept']:.1%} of {images} of good parts for testing, at a similarity"
        f" of {figures['threshold']:.3f}",
    ]
    if figures["auroc"] is None:
        lines.append(
            "  no bad parts to measure with: put good and bad ones into class folders of Test/"
        )
    else:
        lines.append(
            f"  stopped {figures['stopped']:.1%} of"
            f" {counted(figures['bad_images'], 'image')} of bad parts; AUROC"
            f" {figures['auroc']:.4f} (95 % interval {figures['auroc_low']:.4f} to"
            f" {figures['auroc_high']:.4f})"
        )
    return "\n".join(lines)


def _gap(result: TrainResult) -> str:
    """Returns a warning if the validation accuracy is far above the test accuracy, else ''."""
    gap = result.val_accuracy - result.test_accuracy
    if gap < MIN_GAP or result.val_accuracy <= result.test_accuracy_high:
        return ""
    return (
        f"the validation accuracy {result.val_accuracy:.4f} is far above that on the test images: "
        "they show other objects or conditions, which the validation images do not stand for; put "
        "each object in a folder of its own or use --group-by"
    )


def _parser() -> CommandParser:
    parser = CommandParser(
        prog=NAME,
        description=f"{TRAIN.help.capitalize()}: one folder per class, or Training/ and Test/ "
        "folders of such folders.",
        epilog=f"Other verbs: {', '.join(VERBS)} (see {NAME} VERB --help). "
        f"{NAME} sample writes a real sample data set.",
    )
    add_version(parser)
    add_data(parser, optional=True)
    parser.add_argument(
        "--from",
        dest="old_run",
        type=Path,
        metavar="RUN",
        help="train an old run again, with its options and the images of --add; its test images"
        " stay test images (DIR: where its images are now, if they moved)",
    )
    parser.add_argument(
        "--add",
        type=Path,
        metavar="DIR",
        help="the class folders to add to the images of --from, such as inbox/labelled",
    )
    add_output(parser, "run folder to write (default: runs/NAME-OF-DATA; beside RUN of --from)")
    add_flags(parser)
    parser.add_argument(
        "--one-class",
        action="store_true",
        help="learn what good parts look like from images of good ones only (a folder of images, or"
        " Training/GOOD, and Test/ folders of good and bad ones to measure)",
    )
    add_distribute(parser)
    add_cache(parser)
    add_strict(parser)
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace a run that another command or other data made",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue an unfinished training; its learning rates may be changed",
    )
    parser.add_argument(
        "--export",
        choices=EXPORTS,
        help="then export into RUN/bundle, with the defaults of quince export",
    )
    parser.add_argument(
        "--log",
        type=Path,
        metavar="DIR",
        help="also write TensorBoard events of the run into DIR/NAME-OF-RUN: losses, accuracies,"
        " confusion matrix, mistakes; and into MLflow where it is installed",
    )
    add_json(parser)
    return parser
