import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { suite, suiteSetup, test } from "mocha";
import * as vscode from "vscode";
import { activate } from "./support.ts";

interface Step {
  id: string;
  title: string;
  description: string;
  media: { svg: string; altText: string };
  completionEvents: string[];
}

suite("walkthrough", () => {
  const extension = vscode.extensions.getExtension("brecq.brecq")!;
  const steps: Step[] = extension.packageJSON.contributes.walkthroughs[0].steps;
  const linked = ({ description }: Step) => [...description.matchAll(/\(command:([\w.]+)\)/g)].map(([, command]) => command!);
  const completing = ({ completionEvents }: Step) => completionEvents.map((event) => event.replace(/^onCommand:/, ""));

  suiteSetup(activate);

  test("has three steps, each with a picture, a text and a link", () => {
    assert.deepEqual(
      steps.map(({ id }) => id),
      ["sample", "quantize", "compare"],
    );
    for (const step of steps) {
      assert.ok(existsSync(join(extension.extensionPath, step.media.svg)), step.media.svg);
      assert.ok(step.media.altText.length > 10 && step.title.length > 5);
      assert.equal(linked(step).length, 1, step.id);
    }
  });

  test("every linked and every completing command is there", async () => {
    const registered = new Set(await vscode.commands.getCommands(true));
    const palette = new Set(extension.packageJSON.contributes.commands.map(({ command }: { command: string }) => command));
    for (const step of steps) {
      for (const event of step.completionEvents) assert.match(event, /^onCommand:brecq\./);
      for (const command of [...linked(step), ...completing(step)]) assert.ok(registered.has(command) && palette.has(command), command);
    }
  });

  test("the links of the first and the last step complete them", () => {
    for (const step of [steps[0]!, steps[2]!]) assert.ok(completing(step).includes(linked(step)[0]!), step.id);
    // The second step ends when a network was quantized, not when its config was made.
    assert.deepEqual(completing(steps[1]!), ["brecq.run", "brecq.runAll"]);
  });
});
