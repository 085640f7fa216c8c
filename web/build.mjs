// Builds what the boards bring to a browser: hashed names, a manifest, compressed copies, licences.
import { build } from "esbuild";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "..", "services", "projections", "pages", "built");
const sources = ["app.css", "app.js", "charts.js", "my-day.js", "worker.js"];

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });

const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: sources.map((name) => join("source", name)),
  outdir: target,
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022"],
  legalComments: "none",
  metafile: true,
});

const manifest = {};
for (const [path, output] of Object.entries(metafile.outputs)) {
  const name = basename(path);
  manifest[basename(output.entryPoint)] = name;
  writeFileSync(join(target, `${name}.gz`), gzipSync(readFileSync(join(target, name)), { level: 9 }));
}

const shipped = new Set(
  Object.keys(metafile.inputs)
    .map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
    .filter(Boolean),
);
const licences = [...shipped].sort().map((name) => {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const files = readdirSync(folder, { withFileTypes: true }).filter((each) => each.isFile());
  const texts = files.map(({ name }) => name).filter((file) => /^(licen[cs]e|notice)/i.test(file));
  const text = texts.sort().map((file) => readFileSync(join(folder, file), "utf8").trim()).join("\n\n");
  return `${name} ${version} (${license})\n\n${text}\n`;
});
writeFileSync(join(target, "LICENCES.txt"), licences.join(`\n${"-".repeat(72)}\n\n`));
// Last: what reads it knows that everything else is there.
writeFileSync(join(target, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
