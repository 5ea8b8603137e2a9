/** @file The view's side of the messages. */
import { type FromGraphView, type ToGraphView, toGraphViewSchema } from "../../src/protocol/graphView.ts";

/** What survives when the view is hidden or the window reloads. */
export interface SavedState {
  open: string[];
  colour: string;
  panel: string;
  /** With the config's path; what is absent there is FP32. */
  shown: Extract<FromGraphView, { type: "ready" }>["shown"];
  comparing: boolean;
}

declare function acquireVsCodeApi(): { postMessage(message: unknown): void; getState(): unknown; setState(state: unknown): void };

const host = acquireVsCodeApi();

export function send(message: FromGraphView): void {
  host.postMessage(message);
}

export function saveState(state: SavedState): void {
  host.setState(state);
}

export function savedState(): SavedState | undefined {
  return host.getState() as SavedState | undefined;
}

/** Messages that are not of the protocol are dropped. */
export function onMessage(handle: (message: ToGraphView) => void): void {
  window.addEventListener("message", (event) => {
    const { data } = toGraphViewSchema.safeParse(event.data);
    if (data) handle(data);
  });
}
