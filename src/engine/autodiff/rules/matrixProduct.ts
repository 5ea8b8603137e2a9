/** @file Gradients of matrix products. */
import { floatAttribute, intAttribute } from "../../graph/attributes.ts";
import { sizeOf } from "../../onnx/tensor.ts";
import { outputGradient, reduceToShape, reshapeTo, scalarOf } from "../emit.ts";
import type { GradientRule, RuleContext } from "../rule.ts";

/** Gemm: Y = alpha A' B' + beta C, where ' may transpose. */
export const gemmRule: GradientRule = (context) => {
  const { builder: b, node, wants, shapeOf, typeOf } = context;
  const [a, w, c] = node.input as [string, string, string | undefined];
  const transA = intAttribute(node, "transA", 0);
  const transB = intAttribute(node, "transB", 0);
  const gradient = outputGradient(context);
  const scaled = (name: "alpha" | "beta", value: string) => {
    const factor = floatAttribute(node, name, 1);
    return factor === 1 ? value : b.op("Mul", [value, scalarOf(b, factor, typeOf(a))]);
  };
  const product = (left: string, right: string, transLeft: number, transRight: number) =>
    b.op("Gemm", [left, right], { transA: transLeft, transB: transRight });
  const atA = () => (transA ? product(w, gradient, transB, 1) : product(gradient, w, 0, 1 - transB));
  const atB = () => (transB ? product(gradient, a, 1, transA) : product(a, gradient, 1 - transA, 0));
  return [
    wants(0) ? scaled("alpha", atA()) : undefined,
    wants(1) ? scaled("alpha", atB()) : undefined,
    wants(2) && c ? scaled("beta", reduceToShape(b, gradient, shapeOf(node.output[0]!), shapeOf(c))) : undefined,
  ];
};

/** MatMul: matrices, batches of them with broadcasting, and vectors on either side. */
export const matMulRule: GradientRule = (context) => {
  const { builder: b, node, wants, shapeOf } = context;
  const [left, right] = node.input as [string, string];
  const leftDims = shapeOf(left);
  const rightDims = shapeOf(right);
  // A vector on the left is a row, one on the right a column.
  const leftMatrix = leftDims.length === 1 ? [1, ...leftDims] : leftDims;
  const rightMatrix = rightDims.length === 1 ? [...rightDims, 1] : rightDims;
  if (rightMatrix.length === 2) return bySingleMatrix(context, leftMatrix, rightMatrix as [number, number]);
  const batch = broadcast(leftMatrix.slice(0, -2), rightMatrix.slice(0, -2));
  const outputMatrix = [...batch, leftMatrix.at(-2)!, rightMatrix.at(-1)!];
  const gradient = reshapeTo(b, outputGradient(context), shapeOf(node.output[0]!), outputMatrix);
  // ONNX Runtime joins a Transpose of the last two axes with the MatMul after it.
  const transposed = (value: string, dims: readonly number[], matrix: readonly number[]) =>
    b.op("Transpose", [reshapeTo(b, value, dims, matrix)], { perm: lastAxesSwapped(matrix.length) });
  const atLeft = () => {
    const full = b.op("MatMul", [gradient, transposed(right, rightDims, rightMatrix)]);
    return reshapeTo(b, reduceToShape(b, full, [...batch, ...leftMatrix.slice(-2)], leftMatrix), leftMatrix, leftDims);
  };
  const atRight = () => {
    const full = b.op("MatMul", [transposed(left, leftDims, leftMatrix), gradient]);
    return reduceToShape(b, full, [...batch, ...rightMatrix.slice(-2)], rightMatrix);
  };
  return [wants(0) ? atLeft() : undefined, wants(1) ? atRight() : undefined];
};

/** All rows of the left operand, in all batches, meet the same matrix: they are one large matrix, and the sum over batches is part of its product. */
function bySingleMatrix(context: RuleContext, leftMatrix: readonly number[], [inner, columns]: readonly [number, number]) {
  const { builder: b, node, wants, shapeOf } = context;
  const [left, right] = node.input as [string, string];
  const rows = sizeOf(leftMatrix.slice(0, -1));
  const flatLeft = reshapeTo(b, left, shapeOf(left), [rows, inner]);
  const matrix = reshapeTo(b, right, shapeOf(right), [inner, columns]);
  const gradient = reshapeTo(b, outputGradient(context), shapeOf(node.output[0]!), [rows, columns]);
  const atLeft = () => reshapeTo(b, b.op("Gemm", [gradient, matrix], { transB: 1 }), [rows, inner], shapeOf(left));
  const atRight = () => reshapeTo(b, b.op("Gemm", [flatLeft, gradient], { transA: 1 }), [inner, columns], shapeOf(right));
  return [wants(0) ? atLeft() : undefined, wants(1) ? atRight() : undefined];
}

function lastAxesSwapped(rank: number): number[] {
  return [...Array.from({ length: rank - 2 }, (_, axis) => axis), rank - 1, rank - 2];
}

function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const at = (dims: readonly number[], axis: number) => dims[dims.length - rank + axis] ?? 1;
  return Array.from({ length: rank }, (_, axis) => (at(a, axis) === 1 ? at(b, axis) : at(a, axis)));
}
