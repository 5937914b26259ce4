//! The latency budget: the time from camera to screen, stage by stage, from the server's histograms and this player.

import { useEffect, useState } from "react";
import { fetchMetrics } from "../../lib/api";
import { formatBitrate, formatSeconds } from "../../lib/format";
import { type StageLatency, type StageMetrics, parseStages, stageLatencies } from "../../lib/metrics";
import type { Snapshot } from "../../player/snapshot";

const EVERY_MS = 3_000;

const NAMES: Record<string, string> = {
  capture: "Camera to broadcast",
  sfu: "Forwarding",
  decode: "Decoding",
  playout: "Playout delay",
  compose: "Composing",
  encode: "Encoding",
  part: "Cutting a part",
  playlist: "Playlist",
};

export function Budget({ shot }: { shot: Snapshot }) {
  const [open, setOpen] = useState(false);
  const [stages, setStages] = useState<StageLatency[] | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    if (!open) return;
    const abort = new AbortController();
    let earlier: Map<string, StageMetrics> | null = null;
    const ask = async () => {
      try {
        const later = parseStages(await fetchMetrics(abort.signal));
        setStages(stageLatencies(earlier, later));
        setFailed(false);
        earlier = later;
      } catch {
        if (!abort.signal.aborted) setFailed(true);
      }
    };
    void ask();
    const timer = setInterval(ask, EVERY_MS);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [open]);
  return (
    <details className="watch-budget" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Latency and quality</summary>
      <dl className="watch-facts">
        <Fact name="Latency" value={formatSeconds(shot.latencySeconds)} note={`± ${formatSeconds(shot.clockUncertaintyMs / 1000)}`} />
        <Fact name="Target latency" value={formatSeconds(shot.targetSeconds)} />
        <Fact name="Buffer" value={formatSeconds(shot.bufferSeconds)} />
        <Fact name="Playback speed" value={`${shot.playbackRate.toFixed(2)}×`} />
        <Fact name="Bandwidth" value={formatBitrate(shot.bandwidth ?? 0)} />
        <Fact name="Dropped frames" value={String(shot.droppedFrames)} />
      </dl>
      {failed && <p className="watch-no-metrics">This server does not publish its metrics here.</p>}
      {stages && stages.length > 0 && <Stages stages={stages} />}
    </details>
  );
}

function Fact({ name, value, note }: { name: string; value: string; note?: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value} {note && <small>{note}</small>}
      </dd>
    </div>
  );
}

function Stages({ stages }: { stages: StageLatency[] }) {
  const order = Object.keys(NAMES);
  const rows = stages.filter((row) => row.stage in NAMES).sort((a, b) => order.indexOf(a.stage) - order.indexOf(b.stage));
  const most = Math.max(...rows.map((row) => row.p50Seconds), 0.001);
  return (
    <table className="watch-stages">
      <caption>On the server, median of the last few seconds</caption>
      <tbody>
        {rows.map((row) => (
          <tr key={row.stage}>
            <th scope="row">{NAMES[row.stage]}</th>
            <td>
              <meter aria-hidden="true" min={0} max={most} value={Math.max(row.p50Seconds, most / 100)} />
            </td>
            <td>{formatSeconds(row.p50Seconds)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
