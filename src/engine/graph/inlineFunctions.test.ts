import { clone, create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { modelOutputs, relativeDifference } from "../../../test/support/modelOutputs.ts";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  FunctionProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
} from "../onnx/onnx_pb.ts";
import { createRuntime } from "../runtime/createRuntime.ts";
import { float, makeAttribute } from "./attributes.ts";
import { GraphBuilder, graphAttribute } from "./builder.ts";
import { Graph } from "./graph.ts";
import { inlineFunctions } from "./inlineFunctions.ts";

const runtime = await createRuntime({ threads: 2 });
const domain = "test.functions";

const defaultOpset = create(OperatorSetIdProtoSchema, { domain: "", version: 17n });
const ownOpset = create(OperatorSetIdProtoSchema, { domain, version: 1n });

/** shrink(x; alpha) = LeakyRelu(x; alpha) - |x|; alpha is 0.5 where it is not given. */
const shrink = create(FunctionProtoSchema, {
  name: "shrink",
  domain,
  input: ["x"],
  output: ["y"],
  attributeProto: [makeAttribute("alpha", float(0.5))],
  opsetImport: [defaultOpset],
  node: [
    create(NodeProtoSchema, {
      opType: "LeakyRelu",
      name: "leaky",
      input: ["x"],
      output: ["t"],
      attribute: [create(AttributeProtoSchema, { name: "alpha", refAttrName: "alpha", type: AttributeProto_AttributeType.FLOAT })],
    }),
    create(NodeProtoSchema, { opType: "Abs", name: "abs", input: ["x"], output: ["u"] }),
    create(NodeProtoSchema, { opType: "Sub", name: "sub", input: ["t", "u"], output: ["y"] }),
  ],
});

/** twice(a) = shrink(shrink(a; 0.1)), through an inner value of the same name as an outer one. */
const twice = create(FunctionProtoSchema, {
  name: "twice",
  domain,
  input: ["a"],
  output: ["b"],
  opsetImport: [defaultOpset, ownOpset],
  node: [
    create(NodeProtoSchema, { opType: "shrink", domain, input: ["a"], output: ["x"], attribute: [makeAttribute("alpha", float(0.1))] }),
    create(NodeProtoSchema, { opType: "shrink", domain, input: ["x"], output: ["b"] }),
  ],
});

function modelWith(functions: (typeof shrink)[], build: (b: GraphBuilder, x: string) => string) {
  const b = new GraphBuilder();
  b.output(build(b, b.op("Sub", [b.input("x", "float", ["n", 6]), b.scalar(0.5)])), "y");
  return Object.assign(b.model({ opset: 17, imports: { [domain]: 1 } }), { functions });
}

test("inlines nested functions, with given and default attributes and unique names", async () => {
  const model = modelWith([shrink, twice], (b, x) =>
    b.op("Add", [b.op("twice", [x], {}, { domain, name: "block" }), b.op("twice", [x], {}, { domain })]),
  );
  const expected = await modelOutputs(model, runtime);
  const graph = new Graph(model).clone();
  inlineFunctions(graph);
  expect(graph.nodes.filter((node) => node.domain === domain)).toEqual([]);
  expect(graph.model.functions).toEqual([]);
  expect(new Set(graph.nodes.map(({ name }) => name)).size).toBe(graph.nodes.length);
  expect(relativeDifference(await modelOutputs(graph.toModel(), runtime), expected)).toBe(0);
  expect(model.functions).toHaveLength(2);
});

test("inlines calls in subgraphs, which read outer values", async () => {
  const model = modelWith([shrink], (b, x) => {
    const output = b.op("If", [b.constant({ type: "bool", dims: [], data: Uint8Array.of(1) })]);
    for (const branch of ["then_branch", "else_branch"]) {
      const inner = new GraphBuilder(`${branch}.`);
      inner.output(inner.op("shrink", [x], {}, { domain }), `${branch}.out`);
      b.nodes.at(-1)!.attribute.push(graphAttribute(branch, inner.graph(branch)));
    }
    return output;
  });
  const expected = await modelOutputs(model, runtime);
  const graph = new Graph(model).clone();
  inlineFunctions(graph);
  expect(relativeDifference(await modelOutputs(graph.toModel(), runtime), expected)).toBe(0);
});

test("refuses functions that call themselves", () => {
  const loop = create(FunctionProtoSchema, {
    name: "loop",
    domain,
    input: ["x"],
    output: ["y"],
    node: [create(NodeProtoSchema, { opType: "loop", domain, input: ["x"], output: ["y"] })],
  });
  const graph = new Graph(modelWith([loop], (b, x) => b.op("loop", [x], {}, { domain })));
  expect(() => inlineFunctions(graph)).toThrow('The model\'s function "loop" calls itself.');
});

test("refuses functions that multiply into a huge graph", () => {
  const levels = Array.from({ length: 30 }, (_, i) =>
    create(FunctionProtoSchema, {
      name: `f${i}`,
      domain,
      input: ["x"],
      output: ["y"],
      node: ["t", "y"].map((output, half) =>
        create(NodeProtoSchema, {
          opType: i === 29 ? "Neg" : `f${i + 1}`,
          domain: i === 29 ? "" : domain,
          input: [half ? "t" : "x"],
          output: [output],
        }),
      ),
    }),
  );
  const graph = new Graph(modelWith(levels, (b, x) => b.op("f0", [x], {}, { domain })));
  expect(() => inlineFunctions(graph)).toThrow(/more than 50000 nodes/);
});

test("refuses functions of another operator set", () => {
  const other = Object.assign(clone(FunctionProtoSchema, shrink), { opsetImport: [create(OperatorSetIdProtoSchema, { domain: "", version: 18n })] });
  const graph = new Graph(modelWith([other], (b, x) => b.op("shrink", [x], {}, { domain })));
  expect(() => inlineFunctions(graph)).toThrow(/version 18 of the operator set ai.onnx/);
});
