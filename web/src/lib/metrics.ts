//! Reads latency histograms out of a Prometheus text exposition. Pure; bounded by the text it is given.

/** One histogram: how many observations were ≤ each bound (seconds, ascending, `Infinity` last). */
export interface Histogram {
  bounds: number[];
  cumulative: number[];
}

/** One stage in `/metrics`: buckets if it is a histogram, a ready-made median if it is a summary. */
export interface StageMetrics {
  histogram?: Histogram;
  median?: number;
}

/** One row of the latency budget. */
export interface StageLatency {
  stage: string;
  p50Seconds: number;
}

const METRIC = "spillway_latency_seconds";
const LINE = /^([a-zA-Z_:][\w:]*)\{(.*)\}\s+(\S+)/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g;

/** Every stage of `spillway_latency_seconds`, in the order the text names them. */
export function parseStages(text: string): Map<string, StageMetrics> {
  const stages = new Map<string, StageMetrics>();
  const buckets = new Map<string, [number, number][]>();
  for (const line of text.split("\n")) {
    if (!line.startsWith(METRIC)) continue;
    const match = LINE.exec(line);
    if (!match) continue;
    const labels = new Map([...(match[2] ?? "").matchAll(LABEL)].map((m) => [m[1], m[2]]));
    const stage = labels.get("stage");
    const value = Number(match[3]);
    if (!stage || Number.isNaN(value)) continue;
    if (match[1] === `${METRIC}_bucket` && labels.has("le")) {
      const le = labels.get("le") === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels.get("le"));
      buckets.set(stage, [...(buckets.get(stage) ?? []), [le, value]]);
      if (!stages.has(stage)) stages.set(stage, {});
    } else if (match[1] === METRIC && labels.get("quantile") === "0.5") {
      stages.set(stage, { ...stages.get(stage), median: value });
    }
  }
  for (const [stage, rows] of buckets) {
    rows.sort((a, b) => a[0] - b[0]);
    stages.set(stage, {
      ...stages.get(stage),
      histogram: { bounds: rows.map((row) => row[0]), cumulative: rows.map((row) => row[1]) },
    });
  }
  return stages;
}

/** The quantile `q` (0..1) of a histogram, linear inside its bucket; `null` when it is empty. */
export function quantile({ bounds, cumulative }: Histogram, q: number): number | null {
  const total = cumulative[cumulative.length - 1] ?? 0;
  if (total <= 0) return null;
  const rank = q * total;
  for (let i = 0; i < bounds.length; i++) {
    const upTo = cumulative[i] ?? 0;
    if (upTo < rank) continue;
    const low = i === 0 ? 0 : (bounds[i - 1] ?? 0);
    const high = bounds[i] ?? low;
    if (!Number.isFinite(high)) return low;
    const before = i === 0 ? 0 : (cumulative[i - 1] ?? 0);
    return upTo === before ? high : low + ((high - low) * (rank - before)) / (upTo - before);
  }
  return null;
}

/** The observations between two scrapes; all of the later scrape if the process restarted in between. */
export function since(earlier: Histogram | undefined, later: Histogram): Histogram {
  if (!earlier || earlier.bounds.length !== later.bounds.length) return later;
  const cumulative = later.cumulative.map((value, i) => value - (earlier.cumulative[i] ?? 0));
  return cumulative.some((value) => value < 0) ? later : { bounds: later.bounds, cumulative };
}

/** The median of every stage since `earlier`; since the server's start for a stage without observations in between. */
export function stageLatencies(
  earlier: Map<string, StageMetrics> | null,
  later: Map<string, StageMetrics>,
): StageLatency[] {
  const rows: StageLatency[] = [];
  for (const [stage, { histogram, median }] of later) {
    const p50 = histogram
      ? (quantile(since(earlier?.get(stage)?.histogram, histogram), 0.5) ?? quantile(histogram, 0.5))
      : (median ?? null);
    if (p50 !== null && Number.isFinite(p50)) rows.push({ stage, p50Seconds: p50 });
  }
  return rows;
}
