"""Builds Home Assistant's MQTT discovery messages, so that answer and score appear there.

The fields are those of its documentation, "MQTT Discovery" and "MQTT Sensor".
"""

import json

from runtime.cli.identity import quince_version
from runtime.monitor.sinks.mqtt_address import BrokerAddress
from runtime.system.terminal import escape_control_chars

PREFIX = "homeassistant"
MAX_STATE_LENGTH = 255
"""Home Assistant's limit for the length of a state."""

ANSWER_TEMPLATE = (
    "{{ (value_json.label if value_json.label is not none"
    " else (value_json.verdict or 'unknown'))"
    f"[:{MAX_STATE_LENGTH}] }}}}"
)
SCORE_TEMPLATE = (
    "{{ (value_json.score * 100) | round(1) if value_json.score is not none else none }}"
)


def discovery_messages(
    address: BrokerAddress, name: str, state_topic: str, availability_topic: str
) -> dict[str, str]:
    """Returns the retained messages by topic: one for the answer and one for the score.

    Both sensors belong to one device, called `name`.
    """
    device = {
        "identifiers": [address.node],
        "name": f"Quince {escape_control_chars(name)}",
        "manufacturer": "Quince",
        "model": "image classifier",
        "sw_version": quince_version(),
    }
    common = {
        "state_topic": state_topic,
        "availability_topic": availability_topic,
        "device": device,
        "origin": {"name": "quince-edge", "sw_version": quince_version()},
    }
    answer = {
        "name": "Answer",
        "value_template": ANSWER_TEMPLATE,
        "json_attributes_topic": state_topic,
        "icon": "mdi:camera-iris",
    }
    score = {
        "name": "Score",
        "value_template": SCORE_TEMPLATE,
        "unit_of_measurement": "%",
        "state_class": "measurement",
        "entity_category": "diagnostic",
    }
    messages = {}
    for sensor, fields in (("answer", answer), ("score", score)):
        config = {**fields, **common, "unique_id": f"{address.node}_{sensor}"}
        messages[f"{PREFIX}/sensor/{address.node}/{sensor}/config"] = json.dumps(config)
    return messages
