/** @file The layout, off the page's thread. */
import type { LayoutRequest } from "./layout/geometry.ts";
import { layoutGraph } from "./layout/layoutGraph.ts";

/** What of a worker's global is used; the page's types have another `self`. */
declare const self: {
  onmessage: ((event: MessageEvent<{ ticket: number; request: LayoutRequest }>) => void) | null;
  postMessage(message: unknown): void;
};

self.onmessage = ({ data: { ticket, request } }) => {
  self.postMessage({ ticket, layout: layoutGraph(request) });
};
