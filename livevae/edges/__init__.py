"""The world: OSC, MQTT, MIDI in, Link."""
