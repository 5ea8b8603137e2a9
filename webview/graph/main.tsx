/** @file The graph view of a network. */
import "@xyflow/react/dist/base.css";
import "./style.css";
import { createRoot } from "react-dom/client";
import { App } from "./App.tsx";
import { onMessage, savedState, saveState, send } from "./host.ts";
import { listenToShortcuts } from "./keyboard/shortcuts.ts";
import { LayoutClient } from "./layout/layoutClient.ts";
import { receive } from "./state/receive.ts";
import type { Panel } from "./state/state.ts";
import { getState, setState, subscribe } from "./state/store.ts";

const app = document.getElementById("app")!;
const layout = new LayoutClient(app.dataset.worker!, (reason) => setState({ failed: reason }));
const saved = savedState();
if (saved) setState({ colour: saved.colour, panel: saved.panel as Panel, comparing: saved.comparing });

let isFirstGraph = true;
onMessage((message) => {
  receive(message, (request, answer) => layout.request(request, answer));
  // What was open before the view was hidden is opened again.
  if (message.type === "graph" && isFirstGraph) {
    isFirstGraph = false;
    if (saved && saved.open.length > 0) send({ type: "open", groups: saved.open });
  }
});
subscribe(() => {
  const { open, colour, panel, comparing, model, shown, other } = getState();
  // Nothing is known yet: what was saved stays.
  if (!model) return;
  const config = model.configFile;
  saveState({ open, colour, panel, comparing, shown: config === undefined ? undefined : { config, run: shown.run, other: other?.run } });
});
listenToShortcuts();
createRoot(app).render(<App />);
send({ type: "ready", shown: saved?.shown });
