// Runs the Node consumer over docs/vectors; prints what it made of them.
//
//   node run_vectors.mjs CONSUMER VECTORS FOLDER
import crypto from "node:crypto";
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const [consumer, vectors, folder] = process.argv.slice(2);
const use = (name) => import(pathToFileURL(`${consumer}/${name}.mjs`));
const { Office } = await use("keep");
const { findDate } = await use("measured");
const { loadOpeningKey, openEpoch, sign, unseal, verify } = await use("seals");

const load = (name) => JSON.parse(fs.readFileSync(`${vectors}/${name}.json`, "utf8"));
const hex = (text) => Buffer.from(text, "hex");
const byName = (list, make) => Object.fromEntries(list.map((one) => [one.name, make(one)]));
const shown = (time) => (time === null ? null : Math.floor(Date.parse(`${time}Z`) / 1000) * 1000);
const stampOf = ({ boot, boottime_ms, utc_ms, quality }) => ({
  hub: "hub-1", boot, boottime: boottime_ms, utc: utc_ms, quality,
});

const keys = load("keys");
const files = Object.fromEntries(keys.backend.map((one) => [Number(one.suite), one.file]));
const publics = Object.fromEntries(keys.hubs.map((one) => [one.hub, hex(one.public)]));
const receiptKey = crypto.createPrivateKey(keys.receipt.file);
const requests = ["hub-1", "hub-2"].map((hub) =>
  JSON.stringify({ hub, sign_key: publics[hub].toString("base64") }));

const exchanges = {};
for (const [name, { suite, steps }] of Object.entries(load("exchanges"))) {
  const place = `${folder}/${Object.keys(exchanges).length}`;
  fs.mkdirSync(place, { recursive: true });
  fs.writeFileSync(`${place}/hpke.key`, files[Number(suite)]);
  fs.writeFileSync(`${place}/receipt.key`, keys.receipt.file);
  exchanges[name] = [];
  for (const { topic, payload } of steps) {
    // Opened anew for each message: what the receipt says must be on disk.
    const office = await Office.open(place, requests);
    const receipt = await office.take(topic.split("/")[2], hex(payload));
    fs.closeSync(office.file);
    exchanges[name].push(receipt && receipt.toString("hex"));
  }
}

const epochs = {};
for (const { name, says, bytes } of load("key-records")) {
  const verified = verify(publics[says.hub], hex(bytes));
  const openingKey = await loadOpeningKey(files[says.suite]);
  epochs[name] = await openEpoch(openingKey, verified).catch(() => null);
}

const judge = ({ sightings, clock_facts, anchors, zone, enrolled_ms }) => findDate(
  sightings.map((one) => ({
    stamp: stampOf(one), shown: shown(one.device_time), isLive: one.origin === 1,
  })),
  clock_facts.map((one) => ({
    stamp: stampOf(one),
    took: one.asked_ms === null ? undefined : one.boottime_ms - one.asked_ms,
    shown: shown(one.device_time),
    isSet: one.is_set,
  })),
  anchors.map(stampOf),
  { zone, enrolled: enrolled_ms },
);

console.log(JSON.stringify({
  exchanges,
  times: byName(load("times"), judge),
  key_records: byName(load("key-records"), ({ name }) => epochs[name] !== null),
  records: byName(load("records"), ({ epoch, sequence, sealed }) =>
    unseal(epochs[epoch], sequence, hex(sealed)).toString("hex")),
  receipts: byName(load("receipts"), ({ payload }) => sign(receiptKey, hex(payload)).toString("hex")),
}));
