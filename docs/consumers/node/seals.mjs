// The seals of docs/wire.md: COSE_Sign1 by Ed25519, HPKE, and COSE_Encrypt0 by AES-256-GCM.
import crypto from "node:crypto";
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { XWing } from "@hpke/hybridkem-x-wing";
import * as cborg from "cborg";

const KEMS = { 0x647a: XWing, 0x0020: DhkemX25519HkdfSha256 };
const EDDSA = Buffer.from("a10127", "hex"); // {1: -8}
const A256GCM = Buffer.from("a10103", "hex"); // {1: 3}
const TAG_BYTES = 16;
const SEALED_KEY_BYTES = 32 + TAG_BYTES;

const decimal = (decode) => decode().reduce((exponent, mantissa) => Number(`${mantissa}e${exponent}`));
const sign1 = cborg.Tagged.decoder(18);
const strictly = { useMaps: true, rejectDuplicateMapKeys: true, allowIndefinite: false };
export const encode = cborg.encode;
export const decode = (data) => cborg.decode(data, { ...strictly, tags: { 4: decimal, 18: sign1 } });

/** From "vitalpost-opening-key SUITE BASE64": the suite and the HPKE private key. */
export async function loadOpeningKey(line) {
  const [, suite, key] = line.trim().split(/\s+/);
  const kem = new KEMS[Number(suite)]();
  const hpke = new CipherSuite({ kem, kdf: new HkdfSha256(), aead: new Aes256Gcm() });
  const raw = Uint8Array.from(Buffer.from(key, "base64"));
  return { suite: Number(suite), hpke, recipientKey: await kem.importKey("raw", raw, false) };
}

/** What the payload of a COSE_Sign1 says, by its keys. Throws unless `publicKey` has signed it. */
export function verify(publicKey, data) {
  const { tag, value } = decode(data);
  const [protectedHeader, , payload, signature] = value;
  if (tag !== 18 || !EDDSA.equals(protectedHeader)) throw new Error("no COSE_Sign1 by EdDSA");
  const signed = encode(["Signature1", EDDSA, Buffer.alloc(0), payload]);
  const key = { kty: "OKP", crv: "Ed25519", x: publicKey.toString("base64url") };
  if (!crypto.verify(null, signed, { key, format: "jwk" }, signature)) throw new Error("forged");
  return decode(payload);
}

/** The COSE_Sign1 of a payload. */
export function sign(privateKey, payload) {
  const { x } = crypto.createPublicKey(privateKey).export({ format: "jwk" });
  const keyId = crypto.createHash("sha256").update(x, "base64url").digest().subarray(0, 8);
  const signed = encode(["Signature1", EDDSA, Buffer.alloc(0), payload]);
  const signature = crypto.sign(null, signed, privateKey);
  return Buffer.from(encode(new cborg.Tagged(18, [EDDSA, new Map([[4, keyId]]), payload, signature])));
}

/** What a verified key record says, and the data key that was in it. */
export async function openEpoch({ suite, hpke, recipientKey }, says) {
  if (says.get(4) !== suite) throw new Error("sealed by another suite than this key's");
  const sealed = says.get(6);
  const info = encode([1, says.get(2), says.get(3)]);
  const enc = sealed.slice(0, -SEALED_KEY_BYTES);
  const recipient = await hpke.createRecipientContext({ recipientKey, enc, info });
  return { says, key: Buffer.from(await recipient.open(sealed.slice(-SEALED_KEY_BYTES))) };
}

/** The plaintext (CBOR); null where hub, kid, sequence or bytes are not as sealed. */
export function unseal({ says, key }, sequence, sealed) {
  const nonce = Buffer.from(says.get(7));
  nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ sequence) >>> 0, 8);
  const decipher = crypto.createDecipheriv("aes-256-gcm", key, nonce);
  decipher.setAAD(encode(["Encrypt0", A256GCM, encode([1, says.get(2)])]));
  try {
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch {
    return null;
  }
}
