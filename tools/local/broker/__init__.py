"""The local MQTT broker: mosquitto or rumqttd, or HiveMQ CE."""
