// When was a reading measured? The part of docs/time.md that docs/consume.md names.
//
// Milliseconds all. A stamp is {boot, boottime, utc, quality}; an instant is [from, to]; what a
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
function findOffset([from, to], tookMs, shown, isSet) {
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

/** The local date of a reading, or null: held. A sighting is {stamp, shown, isLive}. */
export function findDate(sightings, clocks, anchors, { zone, enrolled }) {
  const place = (fact) => ({ ...fact, at: findInstant(fact.stamp, anchors) });
  const seen = sightings.map(place).filter(({ at }) => at);
  const live = seen.filter(({ isLive }) => isLive).map(({ at }) => at).sort(([a], [b]) => a - b);
  const shown = seen.map((one) => one.shown).find((one) => one !== null);
  let found = [];
  if (shown !== undefined) {
    const findings = clocks.map(place).filter(({ at }) => at)
      .map(({ at, took, shown: told, isSet }) => findOffset(at, took ?? UNASKED_MS, told, isSet))
      .concat(live.map((at) => findOffset(at, LIVE_DELAY_MS, shown, false)));
    found = findCandidates(shown, findings, Math.min(...seen.map(({ at }) => at[1])));
    const later = found.filter(([, high]) => high >= enrolled);
    if (later.length) found = later;
  }
  if (!found.length && live.length) found = [[live[0][0] - LIVE_DELAY_MS, live[0][1]]];
  const format = new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" });
  const dates = new Set(found.flat().map((end) => format.format(end)));
  return dates.size === 1 ? [...dates][0] : null;
}
