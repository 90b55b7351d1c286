"""What one would write first: for each message one `predict` and one `insert_one`. Measured beside Vigie.

Run as a process: `python -m tools.bench.cloud.naive FOREST`, with the backend's settings in the environment.
The forest has 300 trees of 256 samples and the write concern is the same: majority, journaled.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import joblib
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from pymongo import MongoClient, WriteConcern
from sklearn.ensemble import IsolationForest

TREES, SAMPLES = 300, 256


def main(forest_file: str) -> None:
    forest: IsolationForest = joblib.load(Path(forest_file))
    client: MongoClient[dict[str, Any]] = MongoClient(os.environ["MONGODB_URI"])
    database = client[os.environ["MONGODB_DATABASE"]]
    readings = database.get_collection("naive", write_concern=WriteConcern(w="majority", j=True))

    def on_message(client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        up = json.loads(message.payload)
        device = message.topic.split("/")[3]
        for k, x in enumerate(up["x"]):
            document = {
                "device": device,
                "seq": up["seq"][k],
                "ts": up["ts"][k],
                "temperature": x[0] / 100,
                "humidity": x[1] / 100,
                "anomaly": bool(forest.predict([x])[0] < 0),
            }
            readings.insert_one(document)

    subscriber = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="naive", protocol=mqtt.MQTTv311)
    subscriber.username_pw_set(os.environ["MQTT_USER"], os.environ["MQTT_PASSWORD"])
    subscriber.tls_set(os.environ["MQTT_CA"])
    subscriber.on_message = on_message
    subscriber.on_subscribe = lambda *_: print("listening to the boards", flush=True)
    subscriber.connect(os.environ["MQTT_HOST"], int(os.environ["MQTT_PORT"]))
    subscriber.subscribe("vigie/1/+/+/up", 1)
    subscriber.loop_forever()


if __name__ == "__main__":
    main(sys.argv[1])
