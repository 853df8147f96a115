// Counts the days on which something was measured, in what consume.mjs has kept.
//
//   node count.mjs KEYS ZONE START REQUEST...
//
// Prints each local date of ZONE, from START on, with its number of distinct readings. A reading
// whose date is not certain is held, not counted.
import crypto from "node:crypto";
import fs from "node:fs";
import { pathToFileURL } from "node:url";
import { Office } from "./keep.mjs";
import { findDate } from "./measured.mjs";
import { decode, encode, unseal } from "./seals.mjs";

const [READING, SERIES, DEVICE, CLOCK, EVENT, LIVE] = [1, 2, 3, 4, 5, 1];
const Y2000_S = 946_684_800; // 2000-01-01 as if it were UTC: a device states no zone

/**
 * Each record opened: its name, its stamp, its epoch's name, and its fields by their keys. In the
 * order of each hub's records, its epochs as their key records came.
 */
export function load(office) {
  const order = new Map([...office.epochs.keys()].map((of, n) => [of, n]));
  const rows = [...office.records].map(([name, sealed]) => [...name.split(" "), sealed]);
  const place = ([hub, kid]) => order.get(`${hub} ${kid}`);
  rows.sort((one, other) => place(one) - place(other) || one[2] - other[2]);
  return rows.flatMap(([hub, kid, sequence, sealed]) => {
    const epoch = office.epochs.get(`${hub} ${kid}`);
    const [boot, boottime, utc, quality] = [8, 9, 10, 11].map((key) => epoch.says.get(key));
    const start = { hub, boot: `${hub} ${Buffer.from(boot).toString("hex")}`, boottime, utc, quality };
    const of = { hub, kid, sequence: Number(sequence), start };
    try {
      const fields = decode(unseal(epoch, of.sequence, sealed));
      const since = fields.get(1);
      const at = { boottime: boottime + since, utc: utc + since + (fields.get(2) ?? 0) };
      return [{ ...of, fields, stamp: { ...start, ...at, quality: fields.get(3) ?? quality } }];
    } catch {
      return []; // the hub sealed it, and it is no record that this version can read
    }
  });
}

/** The number of readings by local date; under null, how many are held. */
export function count(records, zone, start) {
  const kindOf = ({ fields }) => fields.get(0) ?? READING;
  const of = ({ hub, kid, fields }) => `${hub} ${kid} ${fields.get(4) ?? (fields.get(0) === EVENT ? "" : 0)}`;
  const devices = new Map(records.filter((one) => kindOf(one) === DEVICE)
    .map((one) => [of(one), nameDevice(one.fields.get(10))]));
  const anchors = records.filter((one) => kindOf(one) === CLOCK).map(({ stamp }) => stamp);
  anchors.push(...new Map(records.map(({ kid, start }) => [kid, start])).values());
  const readings = new Map(), clocks = new Map();
  for (const record of records.filter((one) => devices.has(of(one)))) {
    const { hub, kid, sequence, stamp, fields } = record;
    const device = devices.get(of(record));
    const key = device.toString("hex");
    const shown = fields.has(6) ? Math.floor(Number(fields.get(6)) + Y2000_S) * 1000 : null;
    if ([READING, SERIES].includes(kindOf(record))) {
      const isNamed = kindOf(record) === READING && fields.has(5) && (fields.has(6) || fields.has(10));
      const name = isNamed ? fields.get(5)[1] : encode([hub, Buffer.from(kid, "hex"), sequence]);
      const id = crypto.createHash("sha256").update(device).update(name).digest("hex").slice(0, 32);
      const isLive = (fields.get(9) ?? 0) % 4 === LIVE;
      if (!readings.has(id)) readings.set(id, { key, sightings: [] });
      readings.get(id).sightings.push({ stamp, shown, isLive });
    } else if (kindOf(record) === EVENT && ["clock-read", "clock-set"].includes(fields.get(8)) && shown !== null) {
      const isSet = fields.get(8) === "clock-set";
      clocks.set(key, [...(clocks.get(key) ?? []), { stamp, took: fields.get(9), shown, isSet }]);
    }
  }
  const dates = new Map(), where = { zone, enrolled: midnight(start, zone) };
  for (const { key, sightings } of readings.values()) {
    const date = findDate(sightings, clocks.get(key) ?? [], anchors, where);
    dates.set(date, (dates.get(date) ?? 0) + 1);
  }
  return dates;
}

/** A device as it names its readings: a random id, or CBOR [maker, model, serial]. */
const nameDevice = (identity) => Buffer.from(Array.isArray(identity) ? encode(identity) : identity);

/** The first instant of a local date: UTC's, less what the zone's clocks are ahead of it then. */
function midnight(date, zone) {
  const utc = Date.parse(date);
  const shown = new Date(utc).toLocaleString("sv-SE", { timeZone: zone });
  return 2 * utc - Date.parse(`${shown}Z`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [keys, zone, start, ...requests] = process.argv.slice(2);
  const office = await Office.open(keys, requests.map((request) => fs.readFileSync(request, "utf8")));
  const dates = count(load(office), zone, start);
  const held = dates.get(null) ?? 0;
  const days = [...dates.keys()].filter((date) => date !== null && date >= start).sort();
  for (const date of days) console.log(date, dates.get(date));
  console.error(`${days.length} days; readings held: ${held}`);
}
