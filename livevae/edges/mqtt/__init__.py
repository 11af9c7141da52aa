"""An ensemble over MQTT: rooms that share one time, their riffs, commands, personas and decoders."""
