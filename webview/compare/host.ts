/** @file The view's side of the messages. */
import { type FromCompareView, type ToCompareView, toCompareViewSchema } from "../../src/protocol/compareView.ts";

/** What survives when the view is hidden or the window reloads. */
export interface ViewState {
  config: string;
  selected: string[];
  block: string | undefined;
}

declare function acquireVsCodeApi(): { postMessage(message: unknown): void; getState(): unknown; setState(state: unknown): void };

const host = acquireVsCodeApi();

export function send(message: FromCompareView): void {
  host.postMessage(message);
}

export function saveState(state: ViewState): void {
  host.setState(state);
}

export function savedState(): ViewState | undefined {
  return host.getState() as ViewState | undefined;
}

/** Messages that are not of the protocol are dropped. */
export function onMessage(handle: (message: ToCompareView) => void): void {
  window.addEventListener("message", (event) => {
    const { data } = toCompareViewSchema.safeParse(event.data);
    if (data) handle(data);
  });
}
