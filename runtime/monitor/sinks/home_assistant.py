"""Builds Home Assistant's MQTT discovery messages, so that answer and score appear there.

The fields are those of its documentation, "MQTT Discovery" and "MQTT Sensor".
"""

import json
from collections.abc import Mapping

from runtime.cli.identity import quince_version
from runtime.monitor.sinks.mqtt_address import BrokerAddress
from runtime.system.terminal import escape_control_chars

PREFIX = "homeassistant"
MAX_STATE_LENGTH = 255
"""Home Assistant's limit for the length of a state."""

ANSWER_TEMPLATE = (
    "{{ (value_json.predicted or value_json.get('label') or value_json.verdict or 'unknown')"
    f"[:{MAX_STATE_LENGTH}] }}}}"
)
"""A message that an earlier version left has `label`; get() logs no warning where it is missing."""
SCORE_TEMPLATE = (
    "{{ (value_json.score * 100) | round(1) if value_json.score is not none else none }}"
)


SENSORS: Mapping[str, Mapping[str, str]] = {
    "answer": {
        "name": "Answer",
        "value_template": ANSWER_TEMPLATE,
        "icon": "mdi:camera-iris",
    },
    "score": {
        "name": "Score",
        "value_template": SCORE_TEMPLATE,
        "unit_of_measurement": "%",
        "state_class": "measurement",
        "entity_category": "diagnostic",
    },
}
UPDATE_SENSORS = {
    "update": {
        "name": "Update",
        "value_template": "{{ value_json.outcome }}",
        "icon": "mdi:update",
        "entity_category": "diagnostic",
    }
}


def discovery_messages(
    address: BrokerAddress,
    name: str,
    state_topic: str,
    availability_topic: str | None,
    sensors: Mapping[str, Mapping[str, str]] = SENSORS,
) -> dict[str, str]:
    """Returns the retained messages by topic, one for each sensor.

    All sensors belong to one device, called `name`. The first has the fields of
    the state as attributes.
    """
    device = {
        "identifiers": [address.node],
        "name": f"Quince {escape_control_chars(name)}",
        "manufacturer": "Quince",
        "model": "image classifier",
        "sw_version": quince_version(),
    }
    common: dict[str, object] = {
        "state_topic": state_topic,
        "device": device,
        "origin": {"name": "quince-edge", "sw_version": quince_version()},
    }
    if availability_topic:
        common["availability_topic"] = availability_topic
    messages = {}
    for number, (sensor, fields) in enumerate(sensors.items()):
        config = {**fields, **common, "unique_id": f"{address.node}_{sensor}"}
        if number == 0:
            config["json_attributes_topic"] = state_topic
        messages[f"{PREFIX}/sensor/{address.node}/{sensor}/config"] = json.dumps(config)
    return messages
