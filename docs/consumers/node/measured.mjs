// When was a reading measured? The part of docs/time.md that docs/consume.md names.
//
// Milliseconds all. A stamp is {hub, boot, boottime, utc, quality}; an instant is [from, to]; what a
// device's clock showed counts as if it were UTC.
const LIVE_DELAY_MS = 120_000, UNASKED_MS = 30_000, SECOND_MS = 1_000;

/** By the hub's own clock, else by an anchor of the same boot; or null. */
function findInstant({ boot, boottime, utc, quality }, anchors) {
  if (quality) return [utc - 2 ** quality, utc + 2 ** quality];
  const byAnchor = anchors
    .filter((anchor) => anchor.boot === boot && anchor.quality)
    .map((anchor) => {
      const apart = boottime - anchor.boottime;
      return [2 ** anchor.quality + Math.floor(Math.abs(apart) / 10_000) + 1, anchor.utc + apart];
    })
    .sort(([one], [other]) => one - other);
  if (!byAnchor.length) return null;
  const [error, at] = byAnchor[0];
  return [at - error, at + error];
}

/** UTC less device time, from `low` to `high`, as found between two instants. */
function findOffset([from, to], tookMs, shown, isSet = false) {
  const since = from - tookMs;
  return { since, until: to, isSet, low: since - shown - SECOND_MS, high: to - shown };
}

/** When a device time can have been, by every finding in force then, and before it arrived. */
function findCandidates(shown, findings, arrived) {
  findings.sort((one, other) => one.until - other.until || one.since - other.since);
  return findings.flatMap((found, nth) => {
    let [low, high] = [shown + found.low, shown + found.high + SECOND_MS];
    const drift = Math.floor(Math.max(found.until - low, high - found.since) / 5_000) + 1; // 200 ppm
    [low, high] = [low - drift, high + drift];
    const begin = found.isSet ? found.since : (findings[nth - 1]?.since ?? -Infinity);
    const end = findings[nth + 1]?.until ?? Infinity;
    return begin <= high && low <= Math.min(end, arrived) ? [[low, Math.min(high, arrived)]] : [];
  });
}

/** Of a device's clock: what it was found to be, and what only lay between two findings. */
function findFindings(clocks, anchors) {
  const findings = [], doubts = [], last = new Map(), undated = new Map();
  for (const { stamp, took, shown, isSet } of clocks) {
    const { hub } = stamp, at = findInstant(stamp, anchors);
    if (!at) {
      undated.set(hub, [...(undated.get(hub) ?? []), shown]);
      continue;
    }
    const found = findOffset(at, took ?? UNASKED_MS, shown, isSet);
    if (last.has(hub) && !agree(last.get(hub), found)) {
      const around = [last.get(hub).since, found.until];
      doubts.push(...(undated.get(hub) ?? []).map((shown) => findOffset(around, 0, shown)));
    }
    undated.delete(hub);
    findings.push(found);
    last.set(hub, found);
  }
  return [findings, doubts];
}

/** Whether one clock, up to drift, can have been found so twice. */
function agree(before, after) {
  const drift = Math.floor((after.until - before.since) / 5_000) + 1;
  const apart = Math.max(before.low - after.high, after.low - before.high);
  return apart <= drift && !after.isSet;
}

/**
 * The local date of a reading, or null: held. A sighting is {stamp, shown, isLive}, a clock fact
 * {stamp, took, shown, isSet}; these come in the order of each hub's records.
 */
export function findDate(sightings, clocks, anchors, { zone, enrolled }) {
  const place = (fact) => ({ ...fact, at: findInstant(fact.stamp, anchors) });
  const seen = sightings.map(place).filter(({ at }) => at);
  const live = seen.filter(({ isLive }) => isLive).map(({ at }) => at).sort(([a], [b]) => a - b);
  const shown = seen.map((one) => one.shown).find((one) => one !== null);
  let found = [];
  if (shown !== undefined) {
    const [findings, doubts] = findFindings(clocks, anchors);
    const arrived = Math.min(...seen.map(({ at }) => at[1]));
    findings.push(...live.map((at) => findOffset(at, LIVE_DELAY_MS, shown)));
    found = findCandidates(shown, findings, arrived);
    const later = found.filter(([, high]) => high >= enrolled);
    if (later.length) found = later;
    for (const doubt of found.length && !live.length ? doubts : []) {
      found.push(...findCandidates(shown, [doubt], arrived)
        .map(([low, high]) => [Math.max(low, doubt.since), Math.min(high, doubt.until)])
        .filter(([low, high]) => low <= high));
    }
  }
  if (!found.length && live.length) found = [[live[0][0] - LIVE_DELAY_MS, live[0][1]]];
  const format = new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" });
  const dates = new Set(found.flat().map((end) => format.format(end)));
  return dates.size === 1 ? [...dates][0] : null;
}
