"""The way to the broker: Wi-Fi, TLS and MQTT, and what follows when they fail."""
