import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Plugin } from "vite";

/** A smaller file fits into one packet anyway, bytes. */
const BYTES_MIN = 1024;

/** Files of these types are compressed already. */
const INCOMPRESSIBLE = /\.(png|jpe?g|webp|avif|woff2|ico|br|gz)$/;

/**
 * Writes `app.js.br` and `app.js.gz` beside each file of the build, where that makes it smaller. The server hands the
 * copies out as they are (`api/src/routes/pages.rs`), and compresses nothing itself.
 */
export function compress(): Plugin {
  let folder = "dist";
  return {
    name: "compress",
    apply: "build",
    configResolved: (config) => void (folder = join(config.root, config.build.outDir)),
    closeBundle: async () => {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile() && !INCOMPRESSIBLE.test(entry.name));
      await Promise.all(files.map((entry) => writeCopies(join(entry.parentPath, entry.name))));
    },
  };
}

async function writeCopies(path: string): Promise<void> {
  const bytes = await readFile(path);
  if (bytes.length < BYTES_MIN) return;
  const copies = {
    br: await promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
    gz: await promisify(gzip)(bytes, { level: 9 }),
  };
  for (const [extension, copy] of Object.entries(copies)) {
    if (copy.length < bytes.length) await writeFile(`${path}.${extension}`, copy);
  }
}
