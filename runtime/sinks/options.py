"""The command-line options of the sinks."""

import argparse
from pathlib import Path

from runtime import cli
from runtime.live.options import add_live_arguments


def add_sink_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --on-change, --mqtt, --save-uncertain, --live and what belongs to them."""
    group = parser.add_argument_group("besides printing")
    group.add_argument("--on-change", metavar="COMMAND", help="run this at each change, with label and score as its last arguments")
    group.add_argument("--command-seconds", type=cli.positive, default=30, metavar="S", help="and kill it if it takes longer")
    group.add_argument(
        "--mqtt", metavar="URL", help="tell a broker: mqtt://USER@HOST[:PORT][/TOPIC], or mqtts://; password in $QUINCE_MQTT_PASSWORD"
    )
    group.add_argument("--save-uncertain", type=Path, metavar="DIR", help="keep pictures below the score of unknown, in a folder per guess")
    group.add_argument("--save-most", type=cli.positive, default=500, metavar="N", help="pictures at most in that folder")
    group.add_argument("--save-megabytes", type=cli.positive, default=200, metavar="N", help="and their size at most")
    add_live_arguments(parser)
