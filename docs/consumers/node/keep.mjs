// Keeps what hubs send, sealed as it came, and says in a receipt what is on disk.
//
// Node 18 has no database of its own: a file gets one line for each message, flushed before its
// receipt goes. A torn last line is cut off at the start: it was not receipted and comes again.
import crypto from "node:crypto";
import fs from "node:fs";
import { cbor, loadOpeningKey, openEpoch, sign, unseal, verify } from "./seals.mjs";

const [KEY_RECORD, CHECKPOINT, GONE] = [1, 3, 4];
const nameOf = (hub, kid, ...sequence) => [hub, Buffer.from(kid).toString("hex"), ...sequence].join(" ");
const empty = () => ({ epochs: new Map(), records: new Map(), lasts: new Map(), statements: [] });

export class Office {
  /** Keys and a file. A request tells a hub's Ed25519 public key. */
  static async open(keys, requests) {
    const office = new Office();
    office.openingKey = await loadOpeningKey(fs.readFileSync(`${keys}/hpke.key`, "utf8"));
    office.receiptKey = crypto.createPrivateKey(fs.readFileSync(`${keys}/receipt.key`));
    const asked = requests.map((request) => JSON.parse(request));
    office.hubs = new Map(asked.map((one) => [one.hub, Buffer.from(one.sign_key, "base64")]));
    office.kept = empty(); // by hub and kid, records by sequence as well
    office.file = fs.openSync(`${keys}/consumed.jsonl`, "a+");
    const lines = fs.readFileSync(office.file, "utf8").split("\n");
    fs.ftruncateSync(office.file, fs.fstatSync(office.file).size - Buffer.byteLength(lines.pop()));
    for (const { hub, statements, records } of lines.map((line) => JSON.parse(line))) {
      for (const data of statements) await office.takeStatement(hub, Buffer.from(data, "base64"), office.kept);
      for (const [name, data] of records) office.kept.records.set(name, Buffer.from(data, "base64"));
    }
    return office;
  }

  /** Keep one message whole or not at all; its receipt, or null where none is due. */
  async take(hub, payload) {
    const fresh = empty();
    const said = { stored: new Map(), refused: [], unknown: new Map(), checked: new Map() };
    if (!this.hubs.has(hub)) return null;
    try {
      const items = cbor.decode(payload);
      for (const data of items.filter(Buffer.isBuffer)) {
        const says = await this.takeStatement(hub, data, fresh);
        if (says?.get(0) === CHECKPOINT) said.checked.set(nameOf(hub, says.get(3)), says.get(3));
      }
      for (const run of items.filter(Array.isArray)) this.takeRun(hub, run, fresh, said);
    } catch {
      return null; // no message of this format
    }
    const records = [...fresh.records].map(([name, data]) => [name, data.toString("base64")]);
    const statements = fresh.statements.map((data) => data.toString("base64"));
    fs.writeSync(this.file, `${JSON.stringify({ hub, statements, records })}\n`);
    fs.fsyncSync(this.file);
    for (const part of ["epochs", "records", "lasts"]) fresh[part].forEach((v, k) => this.kept[part].set(k, v));
    return this.receipt(hub, said);
  }

  receipt(hub, { stored, refused, unknown, checked }) {
    const lasts = [...checked].map(([name, kid]) => [kid, this.kept.lasts.get(name)]);
    const parts = [[4, new Map(stored.values())], [5, refused], [6, [...unknown.values()]], [8, new Map(lasts)]];
    const filled = parts.filter(([, part]) => (part.size ?? part.length) > 0);
    // A BigInt: cbor-x writes other numbers above 32 bits as floating point.
    const fields = new Map([[0, 2], [1, 1], [2, hub], [3, BigInt(Date.now())], ...filled]);
    return filled.length ? sign(this.receiptKey, cbor.encode(fields)) : null;
  }

  /** What a statement says, kept in `into`; null where it is not this hub's or not for our key. */
  async takeStatement(hub, data, into) {
    try {
      const says = verify(this.hubs.get(hub), data);
      if (says.get(2) !== hub || ![KEY_RECORD, CHECKPOINT, GONE].includes(says.get(0))) return null;
      const name = says.get(0) === GONE ? null : nameOf(hub, says.get(3));
      if (says.get(0) === KEY_RECORD) {
        const epoch = await openEpoch(this.openingKey, says);
        if (!this.kept.epochs.has(name) && !into.epochs.has(name)) into.epochs.set(name, epoch);
      } else if (name) {
        const last = Math.max(says.get(4), this.kept.lasts.get(name) ?? 0, into.lasts.get(name) ?? 0);
        into.lasts.set(name, last);
      }
      into.statements.push(data);
      return says;
    } catch (fault) {
      console.error(`${hub}: a statement is left out: ${fault.message}`);
      return null;
    }
  }

  takeRun(hub, [kid, first, sealed], fresh, said) {
    const last = first + sealed.length - 1;
    if (kid.length !== 16 || !(first >= 1 && last >= first && last < 2 ** 32)) throw new Error("no run");
    const epoch = this.kept.epochs.get(nameOf(hub, kid)) ?? fresh.epochs.get(nameOf(hub, kid));
    if (!epoch) {
      said.unknown.set(nameOf(hub, kid), kid);
      return;
    }
    sealed.forEach((data, nth) => {
      const sequence = first + nth;
      const name = nameOf(hub, kid, sequence);
      const known = this.kept.records.get(name) ?? fresh.records.get(name);
      if (known && !known.equals(data)) said.refused.push([kid, sequence, "conflict"]);
      else if (!known && !unseal(epoch, sequence, data)) said.refused.push([kid, sequence, "unopenable"]);
      else {
        if (!known) fresh.records.set(name, data);
        if (!said.stored.has(epoch)) said.stored.set(epoch, [kid, []]);
        said.stored.get(epoch)[1].push([sequence, sequence]);
      }
    });
  }
}
