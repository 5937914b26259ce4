import { readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const SOURCE = fileURLToPath(new URL("..", import.meta.url));
const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).map((file) => file.replaceAll("\\", "/"));
const read = (file: string) => readFileSync(join(SOURCE, file), "utf8");
const folderOf = (file: string) => file.slice(0, file.lastIndexOf("/"));

/** The selectors of a sheet; comments, at-rules and declarations left out. */
function selectorsOf(file: string): string[] {
  const rules = read(file).replace(/\/\*[^]*?\*\//g, "").replace(/@(media|keyframes)[^{]*\{/g, "");
  return [...rules.matchAll(/([^{};]+)\{[^{}]*\}/g)].flatMap((rule) => (rule[1] ?? "").split(",").map((one) => one.trim()));
}
const classesOf = (selector: string) => [...selector.matchAll(/\.([a-z][\w-]*)/g)].map((match) => match[1] ?? "");
const isOwn = (name: string, scope: string) => name === scope || name.startsWith(`${scope}-`);

const sheets = files.filter((file) => file.endsWith(".css"));
const shared = new Set(sheets.filter((file) => folderOf(file) === "styles").flatMap(selectorsOf).flatMap(classesOf));
const scoped = sheets.filter((file) => folderOf(file) !== "styles");

test.each(scoped)("%s styles only classes of its own scope", (file) => {
  const scope = basename(file, ".css");
  const siblings = scoped.filter((other) => folderOf(other) === folderOf(file)).map((other) => basename(other, ".css"));
  for (const selector of selectorsOf(file)) {
    const classes = classesOf(selector);
    expect(classes.some((name) => isOwn(name, scope)), `${selector} leaks`).toBe(true);
    const foreign = classes.filter((name) => !shared.has(name) && !siblings.some((sibling) => isOwn(name, sibling)));
    expect(foreign, selector).toEqual([]);
  }
});

test("every class that a sheet styles stands in a component", () => {
  const components = files.filter((file) => file.endsWith(".tsx")).map(read).join("\n");
  const words = new Set(components.match(/[a-z][\w-]*/g));
  const unused = new Set(sheets.flatMap(selectorsOf).flatMap(classesOf).filter((name) => !words.has(name)));
  expect([...unused]).toEqual([]);
});
