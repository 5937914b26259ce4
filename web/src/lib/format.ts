//! Numbers as people read them. Pure.

/** `2_500_000` → `2.5 Mbit/s`. Bits a second in. */
export function formatBitrate(bitsPerSecond: number): string {
  if (!Number.isFinite(bitsPerSecond) || bitsPerSecond <= 0) return "–";
  if (bitsPerSecond >= 1e6) return `${trim(bitsPerSecond / 1e6, 1)} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1e3)} kbit/s`;
}

/** Seconds in; below one second in milliseconds: `0.0421` → `42 ms`, `1.234` → `1.23 s`. */
export function formatSeconds(seconds: number | null | undefined): string {
  if (seconds == null || !Number.isFinite(seconds)) return "–";
  const sign = seconds < 0 ? "−" : "";
  const size = Math.abs(seconds);
  if (size < 0.0095) return `${sign}${trim(size * 1000, 1)} ms`;
  if (size < 0.9995) return `${sign}${Math.round(size * 1000)} ms`;
  return size < 9.995 ? `${sign}${size.toFixed(2)} s` : `${sign}${size.toFixed(1)} s`;
}

/** A duration in words: `just now`, `4 min`, `2 h 5 min`. Milliseconds in. */
export function formatDuration(durationMs: number): string {
  const minutes = Math.floor(durationMs / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} days`;
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

/** `1 speaker`, `2 speakers`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

/** A rendition's name: `720p`, `1080p60`; its bitrate if it has no picture size. */
export function renditionLabel(level: { height?: number; frameRate?: number; bitrate: number }): string {
  if (!level.height) return formatBitrate(level.bitrate);
  return `${level.height}p${level.frameRate && level.frameRate > 31 ? Math.round(level.frameRate) : ""}`;
}

/** Up to two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.trim().split(/[\s._-]+/).filter(Boolean);
  const first = [...(words[0] ?? "?")][0] ?? "?";
  const last = words.length > 1 ? ([...(words[words.length - 1] ?? "")][0] ?? "") : "";
  return (first + last).toUpperCase();
}

/** A hue (degrees) that is always the same for the same name. */
export function hueOf(name: string): number {
  let hash = 2166136261;
  for (const char of name) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16777619);
  return (hash >>> 0) % 360;
}

/** Makes a room name of typed text: lower case, `[a-z0-9_-]`, at most 64 characters. */
export function roomSlug(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .normalize("NFKD")
    .replace(/[\u0300-\u036f]/g, "")
    .replace(/[^a-z0-9_-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 64);
}

function trim(value: number, digits: number): string {
  return value.toFixed(digits).replace(/\.0+$/, "");
}
