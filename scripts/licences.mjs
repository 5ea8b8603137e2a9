/**
 * @file `node scripts/licences.mjs` writes THIRD_PARTY_LICENSES.txt: every package whose code is in a VSIX, with its licence.
 * What is inside the bundles comes from esbuild's own account of them; what lies beside them, from the packaging script.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "../esbuild.mjs";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
export const licencesFile = path.join(root, "THIRD_PARTY_LICENSES.txt");

/** Packages that lie beside the bundles in some target, with the licence of those that are not installed on this machine. */
const beside = [
  "@emnapi/runtime",
  "@img/colour",
  "detect-libc",
  "onnxruntime-common",
  "onnxruntime-node",
  "onnxruntime-web",
  "semver",
  "sharp",
  "tslib",
];
const imagePlatforms = ["darwin-arm64", "linux-arm64", "linux-x64", "win32-arm64", "win32-x64"];
const imageBinaries = [...imagePlatforms.map((platform) => `@img/sharp-${platform}`), "@img/sharp-wasm32"];
const libvipsBinaries = imagePlatforms.filter((platform) => !platform.startsWith("win32")).map((platform) => `@img/sharp-libvips-${platform}`);

/** Where the packages of other platforms come from: they have no licence of their own in the lock file's folder. */
const elsewhere = {
  ...Object.fromEntries(
    imageBinaries.map((name) => [name, { licence: "Apache-2.0 (the binding) and LGPL-3.0-or-later (libvips, where it is inside)", textOf: "sharp" }]),
  ),
  ...Object.fromEntries(
    libvipsBinaries.map((name) => [
      name,
      { licence: "LGPL-3.0-or-later and those of the libraries that README.md names", textOf: "@img/sharp-libvips-linux-x64" },
    ]),
  ),
  "@emnapi/runtime": { licence: "MIT", author: "toyobayashi" },
  tslib: { licence: "0BSD", author: "Microsoft Corporation" },
  "@bufbuild/protobuf": { author: "Buf Technologies, Inc., and Google Inc. (parts that come from protobuf)" },
};

/** Names of all packages that may be in a VSIX. */
export async function shippedPackages() {
  const inputs = await build({ production: true });
  const bundled = inputs.flatMap((file) => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []);
  return [...new Set([...bundled, ...beside, ...imageBinaries, ...libvipsBinaries])].toSorted();
}

/** The text of all licences; packages with the same text share it. */
export async function licencesText() {
  const texts = new Map();
  for (const name of await shippedPackages()) {
    const { line, text } = licenceOf(name);
    texts.set(text, [...(texts.get(text) ?? []), line]);
  }
  const parts = [...texts].map(([text, lines]) => `${"=".repeat(80)}\n${lines.join("\n")}\n\n${text.trim()}\n`);
  return `Packages whose code is part of this extension or of the brecq command, with their licences.\nWritten by scripts/licences.mjs.\n\n${parts.join("\n")}`;
}

function licenceOf(name) {
  const folder = path.join(root, "node_modules", name);
  const manifest = existsSync(folder) ? JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8")) : undefined;
  const other = elsewhere[name];
  const licence = other?.licence ?? manifest?.license;
  if (typeof licence !== "string") throw new Error(`The licence of ${name} is not known: say it in scripts/licences.mjs.`);
  const author = other?.author ?? (typeof manifest?.author === "string" ? manifest.author : manifest?.author?.name) ?? "its authors";
  const text = licenceText(other?.textOf ?? name) ?? standardText(name, licence, author);
  return { line: `${name}${manifest && !other ? ` ${manifest.version}` : ""}: ${licence}`, text };
}

function licenceText(name) {
  const folder = path.join(root, "node_modules", name);
  if (!existsSync(folder)) return undefined;
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry)) ?? (name.startsWith("@img/sharp-libvips") ? "README.md" : undefined);
  return file && readFileSync(path.join(folder, file), "utf8");
}

const warranty =
  'THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.';

/** The licences' own words (spdx.org/licenses), for packages that bring no file of them. */
const standardTexts = {
  MIT: () =>
    `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the "Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:\n\nThe above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.\n\n${warranty}`,
  "0BSD": () =>
    'Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted.\n\nTHE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.',
  "BSD-3-Clause": () =>
    'Redistribution and use in source and binary forms, with or without modification, are permitted provided that the following conditions are met:\n\n1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following disclaimer.\n\n2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following disclaimer in the documentation and/or other materials provided with the distribution.\n\n3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or promote products derived from this software without specific prior written permission.\n\nTHIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.',
  "Apache-2.0": () => licenceText("sharp"),
};

function standardText(name, licence, author) {
  const texts = licence
    .replace(/[()]/g, "")
    .split(" AND ")
    .map((part) => standardTexts[part]?.());
  if (texts.includes(undefined)) throw new Error(`${name} (${licence}) brings no licence text: add it in scripts/licences.mjs.`);
  return `Copyright (c) ${author}\n\n${texts.join("\n\n")}`;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(licencesFile, await licencesText());
  console.log(`Wrote ${path.relative(root, licencesFile)}`);
}
