import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import * as l10n from "@vscode/l10n";
import * as vscode from "vscode";
import { applyTextEdits, setValue } from "../config/edits.ts";
import { configExtension } from "../config/resultPaths.ts";
import { describeOutcome } from "./outcomeMessages.ts";
import { readSettings } from "./settings.ts";
import type { WorkerLauncher } from "./workerLauncher.ts";

const imageFile = /\.(jpe?g|png|webp)$/i;
/** Names of folders that most likely hold calibration images, best first. */
const likelyFolders = ["calibration", "calib", "train", "images", "data", "val", "validation"];

/** "Quantize with BRECQ": writes `<model>.brecq.json` beside a model unless it is there, and opens it. */
export async function createConfig(model: string, launcher: WorkerLauncher): Promise<string | undefined> {
  const config = model.replace(/\.onnx$/i, configExtension);
  if (await exists(config)) {
    void vscode.window.showInformationMessage(l10n.t("{0} was there already and is left as it is.", basename(config)));
    await vscode.window.showTextDocument(vscode.Uri.file(config));
    return config;
  }
  const calibration = await askCalibration(model);
  if (calibration === undefined) return undefined;
  const progress = { location: vscode.ProgressLocation.Window, title: l10n.t("Reading {0}", basename(model)) };
  const outcome = await vscode.window.withProgress(progress, async () => {
    const worker = await launcher.launch((runtime) => ({ job: "init", model, calibration: calibration.folder, runtime }));
    return worker.finished;
  });
  if (outcome.kind !== "done" || outcome.result.job !== "init") {
    const failure = describeOutcome(outcome);
    if (failure) void vscode.window.showErrorMessage([failure.message, failure.hint].filter(Boolean).join(" "));
    return undefined;
  }
  const written = vscode.Uri.file(outcome.result.config);
  await writeDefaultBits(written);
  await vscode.window.showTextDocument(written);
  return written.fsPath;
}

/** The folder that the user chose; `folder` is undefined where the config is to be written without one. */
async function askCalibration(model: string): Promise<{ folder: string | undefined } | undefined> {
  const folder = dirname(model);
  const guesses = await guessCalibrationFolders(folder);
  type Choice = vscode.QuickPickItem & { choose: () => Promise<string | undefined> | string | undefined; later?: boolean };
  const choices: Choice[] = [
    ...guesses.map((guess) => ({ label: `$(folder) ${relative(folder, guess) || "."}`, description: l10n.t("has images"), choose: () => guess })),
    { label: l10n.t("$(folder-opened) Choose a folder…"), choose: () => browse(folder) },
    { label: l10n.t("$(edit) Fill it in later"), choose: () => undefined, later: true },
  ];
  const choice = await vscode.window.showQuickPick(choices, {
    title: l10n.t("Calibration images for {0}", basename(model)),
    placeHolder: l10n.t("A few hundred images like those that the network will see; labels are not needed"),
  });
  if (!choice) return undefined;
  const chosen = await choice.choose();
  return chosen === undefined && !choice.later ? undefined : { folder: chosen };
}

async function browse(folder: string): Promise<string | undefined> {
  const chosen = await vscode.window.showOpenDialog({
    canSelectFiles: false,
    canSelectFolders: true,
    defaultUri: vscode.Uri.file(folder),
    openLabel: l10n.t("Use for calibration"),
  });
  return chosen?.[0]?.fsPath;
}

/** Folders beside the model that hold images, the likeliest first. */
export async function guessCalibrationFolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith(".") && !entry.name.endsWith(".results"))
    .map((entry) => entry.name);
  const rank = (name: string) => {
    const index = likelyFolders.findIndex((likely) => name.toLowerCase().startsWith(likely));
    return index < 0 ? likelyFolders.length : index;
  };
  const withImages: string[] = [];
  for (const name of names.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))) {
    if (await holdsImages(join(folder, name))) withImages.push(join(folder, name));
  }
  return withImages;
}

/** Looks at the folder and at the folders right in it, which is where class folders lie. */
async function holdsImages(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  if (entries.some((entry) => entry.isFile() && imageFile.test(entry.name))) return true;
  for (const entry of entries.filter((item) => item.isDirectory()).slice(0, 20)) {
    const inside = await readdir(join(folder, entry.name)).catch(() => []);
    if (inside.some((name) => imageFile.test(name))) return true;
  }
  return false;
}

/** The engine writes a 4-bit run; a user with another default gets that. */
async function writeDefaultBits(config: vscode.Uri): Promise<void> {
  const bits = readSettings().defaultBits;
  if (bits === 4) return;
  const text = Buffer.from(await vscode.workspace.fs.readFile(config)).toString("utf8");
  const changed = applyTextEdits(text, setValue(text, ["runs"], { [`w${bits}`]: { weights: bits } }));
  await vscode.workspace.fs.writeFile(config, Buffer.from(changed, "utf8"));
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
