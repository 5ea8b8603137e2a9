import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { setup, suite, suiteSetup, test } from "mocha";
import * as vscode from "vscode";
import { activate, file, lensTitles, openConfig, replacing, until } from "./support.ts";

const config = () => file("tiny.brecq.json");
const lenses = (run: string) => lensTitles(config(), `"${run}": {`);

suite("runs", () => {
  suiteSetup(activate);
  setup(async () => {
    await openConfig("tiny.brecq.json");
    rmSync(file("tiny.results"), { recursive: true, force: true });
  });

  test("a run shows its progress and then its result in the lens", async () => {
    assert.deepEqual(await lenses("slow"), ["▶ Run"]);
    const run = vscode.commands.executeCommand("brecq.run", config(), "slow");
    const going = await until(async () => {
      const titles = await lenses("slow");
      return titles[0] === "■ Cancel" && titles[1]?.includes("block 2/4 · loss") && titles;
    }, "progress in the lens");
    assert.match(going[1]!, /block 2\/4 · loss .* · 4 s left/);
    await run;
    assert.deepEqual(await lenses("slow"), ["▶ Run", "80.53% top-1 (−0.50) · 3.98 kB", "Compare", "Report", "Graph"]);
    assert.ok(existsSync(file("tiny.results/slow/result.json")));
  });

  test("the lens stays with its run when the file is edited meanwhile", async () => {
    const document = await openConfig("tiny.brecq.json");
    const run = vscode.commands.executeCommand("brecq.run", config(), "slow");
    await until(async () => (await lenses("slow"))[0] === "■ Cancel", "the run's start");
    const edit = new vscode.WorkspaceEdit();
    edit.insert(document.uri, new vscode.Position(1, 0), "  // one\n  // two\n");
    await vscode.workspace.applyEdit(edit);
    assert.equal((await lenses("slow"))[0], "■ Cancel");
    await vscode.commands.executeCommand("undo");
    await vscode.commands.executeCommand("brecq.cancel", config(), "slow");
    await run;
  });

  test("a cancelled run is resumed after its last finished block", async () => {
    const run = vscode.commands.executeCommand("brecq.run", config(), "slow");
    await until(async () => (await lenses("slow"))[1]?.includes("block 3/4"), "the third block");
    await vscode.commands.executeCommand("brecq.cancel", config(), "slow");
    await run;
    assert.deepEqual(await lenses("slow"), ["▶ Run", "Resume"]);
    await vscode.commands.executeCommand("brecq.resume", config(), "slow");
    const ends = readFileSync(file("tiny.results/slow/log.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
      .filter((event) => event.type === "block-end")
      .map((event) => `${event.name} ${event.resumed}`);
    assert.deepEqual(ends, ["conv1 false", "layer1.0 false", "conv1 true", "layer1.0 true", "layer1.1 false", "fc false"]);
    assert.match((await lenses("slow"))[1]!, /top-1/);
  });

  test("runs wait for each other", async () => {
    const all = vscode.commands.executeCommand("brecq.run", config(), "slow");
    const second = vscode.commands.executeCommand("brecq.run", config(), "w4");
    await until(async () => (await lenses("w4"))[1] === "waiting", "the second run to wait");
    await vscode.commands.executeCommand("brecq.cancel", config(), "slow");
    await Promise.all([all, second]);
    assert.match((await lenses("w4"))[1]!, /80.53% top-1/);
  });

  test("a killed worker is told with what to do, and its run is resumed", async () => {
    const told: string[] = [];
    const tell = async (message: string, ...actions: unknown[]) => {
      told.push(`${message} [${actions.join("|")}]`);
      return actions[0];
    };
    await replacing(vscode.window, "showErrorMessage", tell as typeof vscode.window.showErrorMessage, async () => {
      await vscode.commands.executeCommand("brecq.run", config(), "crash");
      await until(async () => (await lenses("crash"))[1]?.includes("top-1"), "the resumed run's result");
    });
    assert.equal(told.length, 1);
    assert.match(told[0]!, /“crash”: The worker process stopped\. .*killed.*memory.*then resume the run\. \[Resume\|Show Output\]/);
  });

  test("an error of the user's and a defect are told apart", async () => {
    const told: string[] = [];
    const tell = async (message: string) => void told.push(message);
    await replacing(vscode.window, "showErrorMessage", tell as typeof vscode.window.showErrorMessage, async () => {
      await vscode.commands.executeCommand("brecq.run", config(), "broken");
      await vscode.commands.executeCommand("brecq.run", config(), "defect");
      await until(() => told.length === 2, "two messages");
    });
    assert.match(told[0]!, /The calibration folder is empty\. \(calibration\) Put images into it\./);
    assert.match(told[1]!, /undefined is not a tensor.*defect of the extension/);
    assert.match((await lenses("broken"))[1]!, /^\$\(error\) The calibration folder is empty/);
  });

  test("a task runs a config and ends with its state", async () => {
    const tasks = await vscode.tasks.fetchTasks({ type: "brecq" });
    const task = tasks.find(({ definition }) => definition.run === "w4");
    assert.ok(task, "the task of tasks.json");
    const code = new Promise<number | undefined>((resolve) => {
      const subscription = vscode.tasks.onDidEndTaskProcess((event) => {
        subscription.dispose();
        resolve(event.exitCode);
      });
    });
    const ended = new Promise<void>((resolve) => vscode.tasks.onDidEndTask(() => resolve()));
    await vscode.tasks.executeTask(task);
    await Promise.race([code, ended]);
    await until(async () => (await lenses("w4"))[1]?.includes("top-1"), "the result in the lens");
  });

  test("results are deleted after a question", async () => {
    await vscode.commands.executeCommand("brecq.run", config(), "w4");
    await replacing(vscode.window, "showWarningMessage", (async () => "Delete") as unknown as typeof vscode.window.showWarningMessage, async () => {
      await vscode.commands.executeCommand("brecq.deleteResults", config(), "w4");
    });
    assert.ok(!existsSync(file("tiny.results/w4")));
    assert.deepEqual(await lenses("w4"), ["▶ Run"]);
  });

  test("the compare view opens once a config", async () => {
    await vscode.commands.executeCommand("brecq.run", config(), "w4");
    await vscode.commands.executeCommand("brecq.compare", config());
    await vscode.commands.executeCommand("brecq.openReport", config(), "w4");
    const webviews = () => vscode.window.tabGroups.all.flatMap((group) => group.tabs).filter((tab) => tab.input instanceof vscode.TabInputWebview);
    await until(() => webviews().length > 0, "the view's tab");
    assert.deepEqual(
      webviews().map(({ label }) => label),
      ["Compare: tiny.brecq.json"],
    );
    const tabs = webviews();
    await vscode.window.tabGroups.close(tabs);
  });
});
