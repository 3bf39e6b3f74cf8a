import { elementType, indexGraph, int, type Model, makeNode, NameSupply, type Node, tensorOf } from '../../ir/index.ts'
import { TARGET_OPSET, upgradeOpset } from '../../onnx/index.ts'

/** ConstantOfShape is there from this operator set on. */
const LEAST_OPSET = 9

/**
 * One score a row as the scores of two classes, for whatever compares classes: class 1 is the answer from `least` on.
 *
 * y ⇒ flat = Reshape(y, [-1, 1]), other = ConstantOfShape(Shape(flat)) holding the number just below `least`,
 * classes = Concat(other, flat), float32 [rows, 2] and one more output of the model.
 */
export function asTwoClasses(
  given: Model,
  score: string,
  least: number,
): { readonly model: Model; readonly classes: string } {
  const model = (given.opsets.get('') ?? 1) < LEAST_OPSET ? upgradeOpset(given, TARGET_OPSET).model : given
  const { graph } = model
  const names = new NameSupply(graph)
  const [shape, numbers, flat, sizes, other, classes] = ['shape', 'float', 'flat', 'sizes', 'other', 'classes'].map(
    (hint) => names.fresh(`${score}_${hint}`),
  ) as [string, string, string, string, string, string]
  const nodes = [
    makeNode('Cast', [score], [numbers], { attributes: { to: elementType('float32') } }),
    makeNode('Reshape', [numbers, shape], [flat]),
    makeNode('Shape', [flat], [sizes]),
    // A score of just `least` is class 1, and of equal scores the first one is the answer.
    makeNode('ConstantOfShape', [sizes], [other], {
      attributes: { value: { type: 'tensor', value: tensorOf('float32', [1], Float32Array.of(justBelow(least))) } },
    }),
    makeNode('Concat', [other, flat], [classes], { attributes: { axis: int(1) } }),
  ]
  return {
    classes,
    model: {
      ...model,
      graph: {
        ...graph,
        nodes: [...graph.nodes, ...nodes],
        initializers: new Map(graph.initializers).set(shape, {
          ...tensorOf('int64', [2], BigInt64Array.of(-1n, 1n)),
          name: shape,
        }),
        outputs: [...graph.outputs, { name: classes, type: { kind: 'tensor', dtype: 'float32', shape: [null, 2] } }],
      },
    },
  }
}

/** What only puts a score into another form. */
const CARRIERS = new Set([
  'Reshape',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
  'Identity',
  'Cast',
  'QuantizeLinear',
  'DequantizeLinear',
])

/** What the Sigmoid takes that a score is made by; null where none is. */
export function logitOf({ graph }: Model, score: string): string | null {
  const { producer } = indexGraph(graph)
  let node: Node | undefined = producer.get(score)
  while (node && CARRIERS.has(node.opType)) node = producer.get(node.inputs[0]!)
  return node?.opType === 'Sigmoid' ? node.inputs[0]! : null
}

/** The nearest number below, as far as float32 has one that kernels do not take for 0. */
const justBelow = (value: number) => (value === 0 ? -(2 ** -126) : Math.fround(value * (1 - 2 ** -24)))
