/** @file The documentation holds together: links and anchors lead somewhere, pictures are there, and the messages that Troubleshooting explains exist. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const docs = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".md"))
  .map((name) => join("docs", name));
const pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", ...docs];
const read = (page: string) => readFileSync(join(root, page), "utf8");

/** A page without its blocks and spans of code, in which brackets are no links. */
function prose(page: string): string {
  return read(page)
    .replaceAll(/^```[\s\S]*?^```/gm, "")
    .replaceAll(/`[^`\n]*`/g, "");
}

interface Link {
  readonly page: string;
  readonly target: string;
  readonly isImage: boolean;
}

function linksOf(page: string): Link[] {
  return [...prose(page).matchAll(/(!?)\[[^\]]*\]\(([^)\s]+)[^)]*\)/g)].map(([, mark, target]) => ({ page, target: target!, isImage: mark === "!" }));
}

const links = pages.flatMap(linksOf).filter(({ target }) => !/^[a-z]+:/.test(target));

/** The file that a link leads to, from the repository's root. */
function fileOf({ page, target }: Link): string {
  const path = target.split("#")[0]!;
  return path === "" ? page : relative(root, join(root, dirname(page), decodeURI(path)));
}

/** The anchors that GitHub gives to a page's headings. */
function anchorsOf(page: string): string[] {
  const headings = read(page)
    .replaceAll(/^```[\s\S]*?^```/gm, "")
    .match(/^#+ .*$/gm);
  return (headings ?? []).map((heading) =>
    heading
      .replace(/^#+ /, "")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(/\s/g, "-"),
  );
}

describe("links", () => {
  test("lead to files that are there", () => {
    expect(links.length).toBeGreaterThan(50);
    expect(links.filter((link) => !existsSync(join(root, fileOf(link)))).map(({ page, target }) => `${page}: ${target}`)).toEqual([]);
  });

  test("lead to headings that are there", () => {
    const broken = links.filter((link) => {
      const anchor = link.target.split("#")[1];
      return anchor !== undefined && fileOf(link).endsWith(".md") && !anchorsOf(fileOf(link)).includes(anchor);
    });
    expect(broken.map(({ page, target }) => `${page}: ${target}`)).toEqual([]);
  });

  test("of docs/ stay in it, for it is published by itself", () => {
    const leaving = links.filter((link) => link.page.startsWith("docs/") && !fileOf(link).startsWith("docs/"));
    expect(leaving.map(({ page, target }) => `${page}: ${target}`)).toEqual([]);
  });

  test("lead from docs/index.md to every page", () => {
    const reached = new Set(["docs/index.md"]);
    for (const page of reached) for (const link of linksOf(page)) if (pages.includes(fileOf(link))) reached.add(fileOf(link));
    expect(docs.filter((page) => !reached.has(page))).toEqual([]);
  });
});

test("pictures are small", () => {
  const images = links.filter(({ isImage }) => isImage).map(fileOf);
  expect(images.filter((image) => statSync(join(root, image)).size > 200_000)).toEqual([]);
});

test("nothing in docs/ is taken for a template by Jekyll", () => {
  expect(docs.filter((page) => /\{\{|\{%/.test(read(page)))).toEqual([]);
});

describe("Troubleshooting", () => {
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .map((name) => plain(read(join("src", name))));

  test("explains messages that the program gives", () => {
    const messages = [...read("docs/troubleshooting.md").matchAll(/^- (?:Warning )?\*\*(.+?)\*\*/gm)].map(([, message]) => message!);
    const headings = ["Running is disabled", "Agreement is low", "Much worse", "A few layers", "Activations of 4 bits"];
    const explained = messages.filter((message) => !headings.some((heading) => message.startsWith(heading)));
    expect(explained.length).toBeGreaterThan(60);
    const unknown = explained.filter((message) => {
      const parts = plain(message)
        .split("…")
        .filter((part) => part.trim().length > 3);
      return !parts.every((part) => sources.some((source) => source.includes(part.replaceAll(/^[" ]+|[".: ]+$/g, ""))));
    });
    expect(unknown).toEqual([]);
  });

  /** Without what quoting adds, and with one mark for whatever is put in. */
  function plain(text: string): string {
    return text
      .replaceAll(/\$\{[^}]*\}/g, "…")
      .replaceAll("\\", "")
      .replaceAll(/\s+/g, " ");
  }
});
