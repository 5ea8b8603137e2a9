import type { Point } from "./geometry.ts";

/** An SVG path through the points with rounded bends: straight from and to the ends, a quadratic curve at every bend. */
export function edgePath(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (!first || rest.length === 0) return "";
  const text = ({ x, y }: Point) => `${round(x)},${round(y)}`;
  if (rest.length === 1) {
    const last = rest[0]!;
    if (Math.abs(first.x - last.x) < 1) return `M${text(first)}L${text(last)}`;
    const middle = (first.y + last.y) / 2;
    return `M${text(first)}C${text({ x: first.x, y: middle })} ${text({ x: last.x, y: middle })} ${text(last)}`;
  }
  const parts = [`M${text(first)}`];
  rest.slice(0, -1).forEach((bend, index) => {
    const next = rest[index + 1]!;
    const end = index === rest.length - 2 ? next : { x: (bend.x + next.x) / 2, y: (bend.y + next.y) / 2 };
    parts.push(`Q${text(bend)} ${text(end)}`);
  });
  return parts.join("");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
