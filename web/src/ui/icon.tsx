//! Line icons as SVG paths: no font on every system has them.

const PATHS = {
  play: "M7 4.5v15l12-7.5z",
  pause: "M8 5v14M16 5v14",
  sound: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11",
  muted: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5",
  fullscreen: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  camera: "M3.5 7h11v10h-11zM14.5 10.5l6-3.5v10l-6-3.5",
  microphone: "M9 4.5h6v8a3 3 0 0 1-6 0zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3",
  screen: "M3.5 5h17v11h-17zM9 20h6M12 13V8M9.5 10.5L12 8l2.5 2.5",
  leave: "M14 4.5H5.5v15H14M10 12h10.5M17 8.5l3.5 3.5-3.5 3.5",
  down: "M7 10l5 5 5-5",
} as const;

export function Icon({ name, off = false }: { name: keyof typeof PATHS; off?: boolean }) {
  return (
    <svg viewBox="0 0 24 24" width="22" height="22" className="icon" aria-hidden="true">
      <path d={PATHS[name]} fill={name === "play" ? "currentcolor" : "none"} />
      {off && <path d="M4 4l16 16" />}
    </svg>
  );
}
