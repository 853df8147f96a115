// Keeps what hubs send, sealed as it came, and says in a receipt what is on disk.
//
// Node 18 has no database of its own: each message that brings something new is one line of a file,
// flushed before its receipt goes, and taken again at the start. A torn last line is cut off: it
// was not receipted and comes again.
import crypto from "node:crypto";
import fs from "node:fs";
import { decode, encode, loadOpeningKey, openEpoch, sign, unseal, verify } from "./seals.mjs";

const [KEY_RECORD, CHECKPOINT] = [1, 3];
const isBytes = (item) => item instanceof Uint8Array;
export const nameOf = (hub, kid, ...sequence) => [hub, Buffer.from(kid).toString("hex"), ...sequence].join(" ");

export class Office {
  epochs = new Map(); // by hub and kid; the first key record holds
  records = new Map(); // by hub, kid and sequence: as sealed
  lasts = new Map(); // by hub and kid: kid, and the last sequence of the newest checkpoint

  /** Keys and a file. A request tells a hub's Ed25519 public key. */
  static async open(keys, requests) {
    const office = new Office();
    office.openingKey = await loadOpeningKey(fs.readFileSync(`${keys}/hpke.key`, "utf8"));
    office.receiptKey = crypto.createPrivateKey(fs.readFileSync(`${keys}/receipt.key`));
    const asked = requests.map((request) => JSON.parse(request));
    office.hubs = new Map(asked.map((one) => [one.hub, Buffer.from(one.sign_key, "base64")]));
    office.file = fs.openSync(`${keys}/consumed.txt`, "a+");
    const lines = fs.readFileSync(office.file, "utf8").split("\n");
    fs.ftruncateSync(office.file, fs.fstatSync(office.file).size - Buffer.byteLength(lines.pop()));
    for (const [hub, payload] of lines.map((line) => line.split(" "))) {
      await office.read(hub, Buffer.from(payload, "base64"));
    }
    return office;
  }

  /** Keep one message; its receipt, or null where none is due. */
  async take(hub, payload) {
    const said = this.hubs.has(hub) ? await this.read(hub, payload) : null;
    if (said?.isNew) {
      fs.writeSync(this.file, `${hub} ${payload.toString("base64")}\n`);
      fs.fsyncSync(this.file);
    }
    const parts = said ? [...said.parts].filter(([, part]) => (part.size ?? part.length) > 0) : [];
    const fields = new Map([[0, 2], [1, 1], [2, hub], [3, Date.now()], ...parts]);
    return parts.length ? sign(this.receiptKey, encode(fields)) : null;
  }

  /** What one message brings, and what its receipt says; null where it is no message. */
  async read(hub, payload) {
    const [stored, refused, unknown, checked] = [new Map(), [], [], new Map()];
    const said = { parts: [[4, stored], [5, refused], [6, unknown], [8, checked]], isNew: false };
    let items, runs;
    try {
      items = decode(payload);
      runs = items.filter(Array.isArray);
      runs.forEach(checkRun);
    } catch {
      return null;
    }
    for (const data of items.filter(isBytes)) {
      const says = await this.readStatement(hub, data);
      said.isNew ||= says !== null;
      const epoch = says?.get(0) === CHECKPOINT && this.lasts.get(nameOf(hub, says.get(3)));
      if (epoch) checked.set(epoch.kid, epoch.last);
    }
    for (const [kid, first, sealed] of runs) {
      const epoch = this.epochs.get(nameOf(hub, kid));
      if (!epoch) {
        unknown.push(kid);
        continue;
      }
      for (const [nth, data] of sealed.entries()) {
        const name = nameOf(hub, kid, first + nth);
        const known = this.records.get(name);
        if (known && Buffer.compare(known, data)) refused.push([kid, first + nth, "conflict"]);
        else if (!known && !unseal(epoch, first + nth, data)) refused.push([kid, first + nth, "unopenable"]);
        else {
          said.isNew ||= !known;
          this.records.set(name, data);
          if (!stored.has(epoch.kid)) stored.set(epoch.kid, []);
          stored.get(epoch.kid).push([first + nth, first + nth]);
        }
      }
    }
    return said;
  }

  /** What a statement says; null where it is not this hub's or not for our key. */
  async readStatement(hub, data) {
    try {
      const says = verify(this.hubs.get(hub), data);
      if (says.get(1) !== 1 || says.get(2) !== hub) return null;
      const name = isBytes(says.get(3)) && nameOf(hub, says.get(3));
      if (says.get(0) === KEY_RECORD) {
        const epoch = { kid: says.get(3), ...(await openEpoch(this.openingKey, says)) };
        if (!this.epochs.has(name)) this.epochs.set(name, epoch);
      } else if (says.get(0) === CHECKPOINT) {
        const before = this.lasts.get(name) ?? { kid: says.get(3), last: 0 };
        this.lasts.set(name, before);
        before.last = Math.max(says.get(4), before.last);
      }
      return says;
    } catch (fault) {
      console.error(`${hub}: a statement is left out: ${fault.message}`);
      return null;
    }
  }
}

function checkRun([kid, first, sealed, ...more]) {
  const last = first + sealed.length - 1;
  const isSequence = Number.isInteger(first) && first >= 1 && last >= first && last < 2 ** 32;
  if (more.length || kid.length !== 16 || !isSequence || !sealed.every(isBytes)) throw new Error("no run");
}
