"""Defines the command-line options of the sinks."""

import argparse
from pathlib import Path

from runtime.cli.parser import add_earlier_name, positive_int_argument
from runtime.monitor.live_page.arguments import add_live_arguments


def add_sink_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --on-change, --mqtt, --collect, --live and their further options."""
    group = parser.add_argument_group("besides printing")
    group.add_argument(
        "--on-change",
        metavar="COMMAND",
        help="run this command at each change, with label and score as its last arguments",
    )
    group.add_argument(
        "--command-seconds",
        type=positive_int_argument,
        default=30,
        metavar="S",
        help="kill the command if it runs longer",
    )
    group.add_argument(
        "--mqtt",
        metavar="URL",
        help="publish to a broker: mqtt://USER@HOST[:PORT][/TOPIC], or mqtts://; "
        "password in $QUINCE_MQTT_PASSWORD",
    )
    group.add_argument(
        "--collect",
        type=Path,
        metavar="INBOX",
        help="keep images that are worth a label in this folder: unknown, unsure, at changes, the"
        " most different ones, and some by chance",
    )
    add_collect_limits(group)
    add_earlier_name(group, "--save-uncertain", "--collect")
    add_earlier_name(group, "--save-most", "--collect-most")
    add_earlier_name(group, "--save-megabytes", "--collect-megabytes")
    add_live_arguments(parser)


def add_collect_limits(group: argparse._ActionsContainer) -> None:
    """Adds --collect-most and --collect-megabytes."""
    group.add_argument(
        "--collect-most",
        type=positive_int_argument,
        default=500,
        metavar="N",
        help="keep at most N images without a label",
    )
    group.add_argument(
        "--collect-megabytes",
        type=positive_int_argument,
        default=200,
        metavar="N",
        help="keep at most N megabytes of them",
    )
