import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { compress } from "./compress";

// Everything but index.html goes to /assets/ under a hashed name, and nothing is inlined: the server may then send
// a Content-Security-Policy of 'self' and cache /assets/ for ever.
export default defineConfig({
  plugins: [react(), compress()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700, // hls.js, loaded by the watch page alone
  },
  server: {
    // `npm run dev` against a Spillway server on this machine; SPILLWAY_URL names another.
    proxy: Object.fromEntries(
      ["/v1", "/live", "/rtc", "/whip", "/whep", "/metrics", "/healthz", "/openapi.json"].map((path) => [
        path,
        { target: process.env.SPILLWAY_URL ?? "http://127.0.0.1:8080", ws: path === "/rtc" || path === "/v1" },
      ]),
    ),
  },
});
