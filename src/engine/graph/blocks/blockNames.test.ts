import { expect, test } from "vitest";
import type { Layer } from "../layers.ts";
import { nameBlocks } from "./blockNames.ts";

function namesOf(...blocks: string[][]): string[] {
  return nameBlocks(
    blocks.map((layers) => layers.map((name) => ({ name }) as Layer)),
    () => "Softmax_1",
  );
}

test("a block is named after the numbered module that it is", () => {
  expect(namesOf(["layer1.0.conv1", "layer1.0.conv2"])).toEqual(["layer1.0"]);
  expect(namesOf(["features.2.conv.0.0", "features.2.conv.1.0", "features.2.conv.2"], ["features.3.conv.0", "features.3.conv.1"])).toEqual([
    "features.2",
    "features.3",
  ]);
  expect(namesOf(["net/expanded_conv_3/expand", "net/expanded_conv_3/project"], ["net/conv"])).toEqual(["net/expanded_conv_3", "net/conv"]);
});

test("without a number, after the outermost module that has no other layers", () => {
  expect(namesOf(["net.mixed3a.branches.a", "net.mixed3a.branches.b"], ["net.head"])).toEqual(["net.mixed3a", "net.head"]);
});

test("after its first and last layers where its module has others", () => {
  expect(namesOf(["features.2", "features.5", "features.7"], ["features.10", "features.12"])).toEqual([
    "features.2..features.7",
    "features.10..features.12",
  ]);
  expect(namesOf(["conv2", "conv3"])).toEqual(["conv2..conv3"]);
});

test("names are unique", () => {
  expect(namesOf(["a"], ["b"], ["a", "b"], [], [])).toEqual(["a", "b", "a..b", "Softmax_1", "Softmax_1_2"]);
});
