// Receives what Vitalpost hubs send: verifies, opens, keeps, and receipts what is on disk.
//
//   node consume.mjs KEYS BROKER PORT REQUEST...
//
// KEYS holds ca.crt, backend.crt, backend.key, hpke.key and receipt.key; a REQUEST is what a hub sent
// to be enrolled. Records are kept in KEYS/consumed.txt, sealed as they came; count.mjs counts them.
import fs from "node:fs";
import mqtt from "mqtt";
import { Office } from "./keep.mjs";

const [keys, host, port, ...requests] = process.argv.slice(2);
const office = await Office.open(keys, requests.map((request) => fs.readFileSync(request, "utf8")));
const client = mqtt.connect({
  protocol: "mqtts",
  protocolVersion: 5,
  minVersion: "TLSv1.3",
  host,
  port: Number(port),
  ca: fs.readFileSync(`${keys}/ca.crt`),
  cert: fs.readFileSync(`${keys}/backend.crt`),
  key: fs.readFileSync(`${keys}/backend.key`),
  clientId: "consumer",
  clean: false, // the broker keeps what comes while this is away
  properties: { sessionExpiryInterval: 14 * 86_400 },
});
client.on("connect", () => client.subscribe("vitalpost/v1/+/records", { qos: 1 }));
client.on("error", (fault) => console.error(fault.message));

// One message after another; it is acknowledged after this, and what was not comes again.
client.handleMessage = async ({ topic, payload }, done) => {
  const hub = topic.split("/")[2];
  const receipt = await office.take(hub, payload);
  if (receipt) client.publish(`vitalpost/v1/${hub}/receipts`, receipt, { qos: 1 });
  done();
};
