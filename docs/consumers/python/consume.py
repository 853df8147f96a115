"""Receives what Vitalpost hubs send: verifies, opens, keeps, and receipts what is on disk.

    python consume.py KEYS BROKER PORT REQUEST...

KEYS holds ca.crt, backend.crt, backend.key, hpke.key and receipt.key; a REQUEST is what a hub sent
to be enrolled. Records are kept in KEYS/consumed.db, sealed as they came; count.py counts them.
"""

import sys
from pathlib import Path

import paho.mqtt.client as mqtt
from keep import Office
from paho.mqtt.properties import PacketTypes, Properties


def run(keys, broker, port, *requests):
    """Receive until stopped."""
    office = Office(Path(keys), [Path(request).read_text() for request in requests])

    def on_connect(client, *_):
        client.subscribe("vitalpost/v1/+/records", qos=1)

    def on_message(client, _, message):
        hub = message.topic.split("/")[2]
        if receipt := office.take(hub, bytes(message.payload)):
            client.publish(f"vitalpost/v1/{hub}/receipts", receipt, qos=1)
        client.ack(message.mid, message.qos)  # only now: what was not acknowledged comes again

    version = mqtt.CallbackAPIVersion.VERSION2
    client = mqtt.Client(version, "consumer", protocol=mqtt.MQTTv5, manual_ack=True)
    client.tls_set(f"{keys}/ca.crt", f"{keys}/backend.crt", f"{keys}/backend.key")
    client.on_connect, client.on_message = on_connect, on_message
    session = Properties(PacketTypes.CONNECT)
    session.SessionExpiryInterval = 14 * 86_400
    client.connect(broker, int(port), clean_start=False, properties=session)
    client.loop_forever()


if __name__ == "__main__":
    run(*sys.argv[1:])
