"""What Home Assistant's MQTT discovery is told, so that the camera's answer and score appear there by themselves.

The fields are those of its documentation, "MQTT Discovery" and "MQTT Sensor".
"""

import json

from runtime import cli
from runtime.sinks.broker import Address

PREFIX = "homeassistant"
MOST_STATE = 255
"""The longest state that Home Assistant keeps."""


def discovery(address: Address, name: str, state: str, availability: str) -> dict[str, str]:
    """The retained messages by topic: a sensor of the answer and one of its score, both of one device called after the bundle."""
    device = {
        "identifiers": [address.node],
        "name": f"Quince {cli.printable(name)}",
        "manufacturer": "Quince",
        "model": "image classifier",
        "sw_version": cli.version(),
    }
    common = {
        "state_topic": state,
        "availability_topic": availability,
        "device": device,
        "origin": {"name": "quince-edge", "sw_version": cli.version()},
    }
    answer = {
        "name": "Answer",
        "value_template": "{{ (value_json.label if value_json.label is not none else 'unknown')[:%d] }}" % MOST_STATE,  # noqa: UP031
        "json_attributes_topic": state,
        "icon": "mdi:camera-iris",
    }
    score = {
        "name": "Score",
        "value_template": "{{ (value_json.score * 100) | round(1) if value_json.score is not none else none }}",
        "unit_of_measurement": "%",
        "state_class": "measurement",
        "entity_category": "diagnostic",
    }
    return {
        f"{PREFIX}/sensor/{address.node}/{part}/config": json.dumps({**fields, **common, "unique_id": f"{address.node}_{part}"})
        for part, fields in (("answer", answer), ("score", score))
    }
