/** @file The page's side of the layout worker. */
import type { Layout, LayoutRequest } from "./geometry.ts";

/** Asks for layouts; of those asked meanwhile only the last is answered. */
export class LayoutClient {
  private worker: Promise<Worker>;
  private ticket = 0;
  private answer: ((layout: Layout) => void) | undefined;

  /** @param source address of the bundled worker; a webview may start workers from blobs only, so it is fetched first */
  constructor(source: string, failed: (reason: string) => void) {
    this.worker = this.start(source);
    this.worker.catch((error: unknown) => failed(String(error)));
  }

  /** The layout, unless another is asked for before it is there. */
  request(request: LayoutRequest, answer: (layout: Layout) => void): void {
    const ticket = ++this.ticket;
    this.answer = answer;
    this.worker.then(
      (worker) => worker.postMessage({ ticket, request }),
      () => {},
    );
  }

  private async start(source: string): Promise<Worker> {
    const response = await fetch(source);
    const blob = new Blob([await response.text()], { type: "text/javascript" });
    const worker = new Worker(URL.createObjectURL(blob));
    worker.onmessage = ({ data }: MessageEvent<{ ticket: number; layout: Layout }>) => {
      if (data.ticket === this.ticket) this.answer?.(data.layout);
    };
    return worker;
  }
}
