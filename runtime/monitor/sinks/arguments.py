"""Defines the command-line options of the sinks."""

import argparse
from pathlib import Path

from runtime.cli.parser import positive_int_argument
from runtime.monitor.live_page.arguments import add_live_arguments


def add_sink_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --on-change, --mqtt, --save-uncertain, --live and their further options."""
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
        "--save-uncertain",
        type=Path,
        metavar="DIR",
        help="save images with a score below the threshold, in a folder per top label",
    )
    group.add_argument(
        "--save-most",
        type=positive_int_argument,
        default=500,
        metavar="N",
        help="number of images in that folder at most",
    )
    group.add_argument(
        "--save-megabytes",
        type=positive_int_argument,
        default=200,
        metavar="N",
        help="megabytes in that folder at most",
    )
    add_live_arguments(parser)
