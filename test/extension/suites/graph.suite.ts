import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { suite, suiteSetup, suiteTeardown, teardown, test } from "mocha";
import * as vscode from "vscode";
import type { BrecqExtension } from "../../../src/extension/extension.ts";
import type { FromGraphView, ToGraphView } from "../../../src/protocol/graphView.ts";
import { file, openConfig, replacing, until } from "./support.ts";

type Message<T extends ToGraphView["type"]> = Extract<ToGraphView, { type: T }>;

/** A view without a page: what the host sends is kept, and messages are sent as the page would. */
class FakeView {
  readonly sent: ToGraphView[] = [];
  private readonly received = new vscode.EventEmitter<FromGraphView>();
  private readonly disposed = new vscode.EventEmitter<void>();
  html = "";

  static async open(graphs: BrecqExtension["graphs"], model: string): Promise<FakeView> {
    const view = new FakeView();
    const document = await graphs.openCustomDocument(vscode.Uri.file(file(model)));
    await graphs.resolveCustomEditor(document, view.panel());
    return view;
  }

  send(message: FromGraphView): void {
    this.received.fire(message);
  }

  /** The next message of a type that is sent after the first `from` ones. */
  async next<T extends ToGraphView["type"]>(type: T, wanted: (message: Message<T>) => boolean = () => true, from = 0): Promise<Message<T>> {
    const isWanted = (message: ToGraphView): message is Message<T> => message.type === type && wanted(message as Message<T>);
    return until(() => this.sent.slice(from).findLast(isWanted), `a message "${type}"`);
  }

  close(): void {
    this.disposed.fire();
  }

  private panel(): vscode.WebviewPanel {
    const view = this;
    const webview = {
      options: {},
      cspSource: "https://webview.test",
      asWebviewUri: (uri: vscode.Uri) => uri,
      onDidReceiveMessage: this.received.event,
      postMessage: async (message: ToGraphView) => view.sent.push(message) > 0,
      set html(text: string) {
        view.html = text;
      },
    };
    return { webview, onDidDispose: this.disposed.event, active: true, reveal: () => undefined } as unknown as vscode.WebviewPanel;
  }
}

suite("graph", () => {
  let graphs: BrecqExtension["graphs"];
  const views: FakeView[] = [];
  const open = async (model = "tiny.onnx") => {
    const view = await FakeView.open(graphs, model);
    views.push(view);
    view.send({ type: "ready" });
    return view;
  };

  suiteSetup(async () => {
    ({ graphs } = (await vscode.extensions.getExtension("brecq.brecq")!.activate()) as BrecqExtension);
  });
  teardown(async () => {
    for (const view of views.splice(0)) view.close();
    await vscode.commands.executeCommand("workbench.action.files.revert");
  });
  suiteTeardown(() => rmSync(file("tiny.results"), { recursive: true, force: true }));

  test("a network is sent with its config's first run, stages closed", async () => {
    const view = await open();
    const model = await view.next("model");
    assert.deepEqual([model.name, model.config, model.runs.slice(0, 2), model.layers.length], ["tiny.onnx", "tiny.brecq.json", ["w4", "w2"], 5]);
    const { shown } = await view.next("run");
    assert.equal(shown.run, "w4");
    assert.deepEqual([shown.bits.conv1?.weights, shown.bits["layer1.0.conv1"]?.weights], [8, 4]);
    const { graph } = await view.next("graph");
    assert.deepEqual(
      graph.nodes.map(({ id }) => id),
      ["in:input", "stage:stage1", "stage:fc", "out:logits"],
    );
  });

  test("after a reload of the window the page's runs are shown again, FP32 among them", async () => {
    const config = file("tiny.brecq.json");
    const again = async (shown: Extract<FromGraphView, { type: "ready" }>["shown"]) => {
      const view = await FakeView.open(graphs, "tiny.onnx");
      views.push(view);
      view.send({ type: "ready", shown });
      const message = await view.next("run");
      return [message.shown.run, message.other?.run];
    };
    assert.deepEqual(await again({ config, run: "w2" }), ["w2", undefined]);
    assert.deepEqual(await again({ config, run: "w4", other: "w2" }), ["w4", "w2"]);
    assert.deepEqual(await again({ config, other: "w2" }), [undefined, "w2"]);
    const view = await open();
    assert.equal((await view.next("model")).configFile, config);
    view.send({ type: "show-run", run: "w2" });
    await view.next("run", ({ shown }) => shown.run === "w2");
    // A page that was hidden comes back with what it showed before: what is shown since counts.
    const sent = view.sent.length;
    view.send({ type: "ready", shown: { config, run: "w4" } });
    assert.equal((await view.next("run", () => true, sent)).shown.run, "w2");
  });

  test("the page lets nothing in but its own files and worker", async () => {
    const view = await open();
    assert.match(view.html, /default-src 'none'; script-src 'nonce-[\w+/=]+'; style-src https:\/\/webview\.test;/);
    assert.match(view.html, /worker-src blob:; connect-src https:\/\/webview\.test"/);
    assert.doesNotMatch(view.html, /unsafe-|<script(?! nonce)/);
    assert.match(view.html, /data-worker="[^"]*dist\/webview\/graphLayout\.js"/);
  });

  test("groups open, and what is looked for is brought into view", async () => {
    const view = await open();
    await view.next("graph");
    view.send({ type: "open", groups: ["stage:stage1"] });
    await view.next("graph", ({ graph }) => graph.nodes.some(({ id }) => id === "block:layer1.0"));
    view.send({ type: "find", query: "layer1.0.conv2" });
    const { hits } = await view.next("found");
    assert.deepEqual(hits, [{ id: "op:2", name: "layer1.0.conv2", op: "Conv", shape: "batch×16×32×32", layers: ["layer1.0.conv2"] }]);
    view.send({ type: "open", groups: [], focus: "op:2" });
    const focused = await view.next("graph", ({ focus }) => focus === "op:2");
    assert.ok(focused.graph.nodes.some(({ id }) => id === "op:2"));
    view.send({ type: "trace", from: "op:3", direction: "down" });
    assert.ok((await view.next("trace")).ids.includes("out:logits"));
    view.send({ type: "details", layer: "layer1.0.conv2" });
    const { details } = await view.next("details");
    assert.deepEqual([details.layer, details.grid.length], ["layer1.0.conv2", 16]);
  });

  test("edits go into the config's text in one step, and the view follows", async () => {
    const document = await openConfig("tiny.brecq.json");
    const before = document.getText();
    const view = await open();
    await view.next("graph");
    view.send({ type: "show-run", run: "w2" });
    await view.next("run", ({ shown }) => shown.run === "w2");
    view.send({ type: "edit", layers: ["layer1.0.conv1", "layer1.0.conv2"], which: "weights", bits: 3 });
    const { shown } = await view.next("run", (message) => message.shown.bits["layer1.0.conv2"]?.weights === 3);
    assert.deepEqual([shown.bits["layer1.0.conv1"]?.weights, shown.bits["layer1.1.conv1"]?.weights], [3, 2]);
    assert.ok(document.isDirty);
    assert.match(document.getText(), /\/\/ Comments stay\./);
    assert.match(document.getText(), /"layer1.0.conv1": { "weights": 3 }, "layer1.0.conv2": { "weights": 3 }/);
    const edited = view.sent.length;
    view.send({ type: "edit", layers: ["layer1.0.conv1", "layer1.0.conv2"], which: "weights", bits: 2 });
    await view.next("run", (message) => message.shown.bits["layer1.0.conv2"]?.weights === 2, edited);
    assert.equal(document.getText(), before, "the run's own bits need no override");
    const back = view.sent.length;
    await vscode.window.showTextDocument(document);
    await vscode.commands.executeCommand("undo");
    await view.next("run", (message) => message.shown.bits["layer1.0.conv2"]?.weights === 3, back);
    await vscode.commands.executeCommand("undo");
    await until(() => document.getText() === before, "two steps of undo");
  });

  test("the view follows what is typed into the config", async () => {
    const document = await openConfig("tiny.brecq.json");
    const view = await open();
    await view.next("run", ({ shown }) => shown.bits.conv1?.weights === 8);
    const edit = new vscode.WorkspaceEdit();
    const at = document.positionAt(document.getText().indexOf('"w4": { "weights": 4') + 19);
    edit.replace(document.uri, new vscode.Range(at, at.translate(0, 1)), "6");
    await vscode.workspace.applyEdit(edit);
    await view.next("run", ({ shown }) => shown.bits["layer1.0.conv1"]?.weights === 6);
  });

  test("selections of graph and text are in step", async () => {
    const document = await openConfig("tiny.brecq.json");
    const view = await open();
    view.send({ type: "show-run", run: "w2" });
    await view.next("run", ({ shown }) => shown.run === "w2");
    view.send({ type: "select", layers: ["conv1"] });
    const editor = vscode.window.activeTextEditor!;
    await until(() => document.getText(editor.selection) === '"conv1"', "the selection in the text");
    view.send({ type: "select", layers: ["fc"] });
    await until(() => document.getText(editor.selection) === '"w2"', "the run, where a layer has no override");
    editor.selection = new vscode.Selection(document.positionAt(0), document.positionAt(0));
    const at = document.positionAt(document.getText().indexOf('"conv1"') + 2);
    editor.selection = new vscode.Selection(at, at);
    // The way of a user: a selection that a program makes is not followed.
    await vscode.commands.executeCommand("cursorMove", { to: "right" });
    assert.deepEqual((await view.next("select")).layers, ["conv1"]);
  });

  test("two runs, or FP32 and a run, are sent together", async () => {
    const view = await open();
    await view.next("graph");
    view.send({ type: "show-run", run: undefined, other: "w2" });
    const { shown, other } = await view.next("run", (message) => message.other !== undefined);
    assert.deepEqual([shown.run, shown.bits.fc?.weights, other?.run, other?.bits["layer1.0.conv1"]?.weights], [undefined, "fp32", "w2", 2]);
  });

  test("a broken file, and one that is gone, are told in a sentence; a repaired one is shown", async () => {
    writeFileSync(file("changing.onnx"), "broken");
    const view = await open("changing.onnx");
    assert.match((await view.next("failed")).message, /This is no ONNX file\. .*Export the network again/);
    writeFileSync(file("changing.onnx"), "a model");
    const model = await view.next("model");
    assert.deepEqual([model.config, model.runs], [undefined, []]);
    const told = view.sent.length;
    rmSync(file("changing.onnx"));
    assert.match((await view.next("failed", undefined, told)).message, /There is no file/);
  });

  test("sensitivities are measured in the runs' queue and come layer by layer", async () => {
    const view = await open();
    await view.next("graph");
    view.send({ type: "measure-sensitivity" });
    await view.next("sensitivity", ({ running }) => running);
    const { sensitivity } = await view.next("sensitivity", (message) => !message.running && message.sensitivity !== undefined);
    assert.ok(sensitivity!.layers.length > 0);
    assert.ok(view.sent.some((message) => message.type === "sensitivity" && message.running && message.sensitivity?.complete === false));
  });

  test("values of a file colour the network, and a wrong file is told", async () => {
    const view = await open();
    await view.next("graph");
    const choose = async (text: string) => {
      writeFileSync(file("values.json"), text);
      const choice = (async () => [vscode.Uri.file(file("values.json"))]) as typeof vscode.window.showOpenDialog;
      const told: string[] = [];
      const tell = async (message: string) => void told.push(message);
      await replacing(vscode.window, "showOpenDialog", choice, () =>
        replacing(vscode.window, "showErrorMessage", tell as typeof vscode.window.showErrorMessage, async () => {
          view.send({ type: "choose-node-data" });
          await until(() => told.length > 0 || view.sent.some(({ type }) => type === "node-data"), "an answer");
        }),
      );
      return told;
    };
    assert.match((await choose('{"results": {"nobody": {"value": 1}}}'))[0]!, /None of the 1 names/);
    assert.deepEqual(await choose('{"results": {"conv1": {"value": 1.5}}}'), []);
    assert.deepEqual((await view.next("node-data")).data.values, { conv1: { value: 1.5 } });
    rmSync(file("values.json"));
  });

  test("what the view makes is saved where the user says, and nowhere else", async () => {
    const view = await open();
    await view.next("graph");
    const save = async (target: string | undefined) => {
      const choice = (async () => target && vscode.Uri.file(file(target))) as typeof vscode.window.showSaveDialog;
      await replacing(vscode.window, "showSaveDialog", choice, async () => {
        view.send({ type: "save", format: "png", content: Buffer.from([137, 80, 78, 71]).toString("base64") });
        if (target) await until(() => existsSync(file(target)), "the file");
        else await delay(200);
      });
    };
    await save(undefined);
    assert.ok(!existsSync(file("tiny.png")));
    await save("view.png");
    assert.deepEqual([...readFileSync(file("view.png"))], [137, 80, 78, 71]);
    rmSync(file("view.png"));
  });

  test("the command opens the editor beside the config", async () => {
    await openConfig("tiny.brecq.json");
    await vscode.commands.executeCommand("brecq.showGraph", file("tiny.brecq.json"), "w2");
    const tab = await until(() => {
      const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
      return tabs.find(({ input }) => input instanceof vscode.TabInputCustom && input.viewType === "brecq.graph");
    }, "the editor's tab");
    assert.equal((tab.input as vscode.TabInputCustom).uri.fsPath, file("tiny.onnx"));
    assert.equal(vscode.window.tabGroups.all.length, 2);
    await vscode.window.tabGroups.close(tab);
  });
});
