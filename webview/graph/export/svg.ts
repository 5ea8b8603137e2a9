import { escapeMarkup } from "../../../src/config/escapeMarkup.ts";
import type { Scene } from "./scene.ts";

/** A scene as one SVG file, without scripts or links. */
export function sceneToSvg({ width, height, background, shapes }: Scene): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="${escapeMarkup(background)}"/>
${shapes.map(shapeToSvg).join("\n")}
</svg>
`;
}

function shapeToSvg(shape: Scene["shapes"][number]): string {
  switch (shape.type) {
    case "path":
      return `<path d="${shape.path}" fill="none" stroke="${escapeMarkup(shape.stroke)}"/>`;
    case "box":
      return `<rect x="${shape.x}" y="${shape.y}" width="${shape.width}" height="${shape.height}" rx="4" fill="${escapeMarkup(shape.fill ?? "none")}" stroke="${escapeMarkup(shape.stroke)}"/>`;
    case "text":
      return `<text x="${shape.x}" y="${shape.y}" fill="${escapeMarkup(shape.fill)}"${shape.bold ? ' font-weight="600"' : ""}>${escapeMarkup(shape.text)}</text>`;
  }
}
