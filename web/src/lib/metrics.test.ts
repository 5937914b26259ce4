import { expect, test } from "vitest";
import { parseStages, quantile, since, stageLatencies } from "./metrics";

const TEXT = `# HELP spillway_latency_seconds how long each stage takes
# TYPE spillway_latency_seconds histogram
spillway_latency_seconds_bucket{stage="sfu",le="0.001"} 50
spillway_latency_seconds_bucket{stage="sfu",le="0.002"} 100
spillway_latency_seconds_bucket{stage="sfu",le="+Inf"} 100
spillway_latency_seconds_sum{stage="sfu"} 0.1
spillway_latency_seconds_count{stage="sfu"} 100
spillway_latency_seconds_bucket{le="0.1",stage="encode"} 0
spillway_latency_seconds_bucket{le="+Inf",stage="encode"} 4
spillway_latency_seconds{stage="part",quantile="0.5"} 0.25
spillway_latency_seconds{stage="part",quantile="0.99"} 0.3
spillway_latency_seconds_bucket{stage="idle",le="+Inf"} 0
spillway_other_bucket{stage="no",le="+Inf"} 3
nonsense {{{
`;

test("histograms and summaries give a median; empty stages and other metrics give no row", () => {
  expect(stageLatencies(null, parseStages(TEXT))).toEqual([
    { stage: "sfu", p50Seconds: 0.001 },
    { stage: "encode", p50Seconds: 0.1 },
    { stage: "part", p50Seconds: 0.25 },
  ]);
});

test("a quantile is linear inside its bucket and capped by the last finite bound", () => {
  const histogram = { bounds: [1, 2, Number.POSITIVE_INFINITY], cumulative: [0, 10, 10] };
  expect(quantile(histogram, 0.5)).toBe(1.5);
  expect(quantile({ ...histogram, cumulative: [0, 0, 10] }, 0.5)).toBe(2);
  expect(quantile({ ...histogram, cumulative: [0, 0, 0] }, 0.5)).toBeNull();
});

test("only the time between two scrapes counts, unless the server restarted", () => {
  const first = { bounds: [1, 2], cumulative: [100, 100] };
  expect(since(first, { bounds: [1, 2], cumulative: [100, 110] }).cumulative).toEqual([0, 10]);
  expect(since(first, { bounds: [1, 2], cumulative: [1, 3] }).cumulative).toEqual([1, 3]);
});
