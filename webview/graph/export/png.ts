import type { Scene } from "./scene.ts";

/** Canvases of more pixels or longer sides fail in browsers. */
const greatest = { side: 16_000, pixels: 120e6 };

/** A scene as PNG, in base64, at double size where that is possible. */
export function sceneToPng({ width, height, background, shapes }: Scene): string {
  const scale = Math.min(2, greatest.side / width, greatest.side / height, Math.sqrt(greatest.pixels / (width * height)));
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(width * scale);
  canvas.height = Math.ceil(height * scale);
  const context = canvas.getContext("2d")!;
  context.scale(scale, scale);
  context.fillStyle = background;
  context.fillRect(0, 0, width, height);
  for (const shape of shapes) {
    if (shape.type === "path") {
      context.strokeStyle = shape.stroke;
      context.stroke(new Path2D(shape.path));
    } else if (shape.type === "box") {
      if (shape.fill !== undefined) {
        context.fillStyle = shape.fill;
        context.fillRect(shape.x, shape.y, shape.width, shape.height);
      }
      context.strokeStyle = shape.stroke;
      context.strokeRect(shape.x, shape.y, shape.width, shape.height);
    } else {
      context.font = `${shape.bold ? "600 " : ""}12px sans-serif`;
      context.fillStyle = shape.fill;
      context.fillText(shape.text, shape.x, shape.y);
    }
  }
  return canvas.toDataURL("image/png").replace("data:image/png;base64,", "");
}
