import { elementCount, int, makeNode, type Node, type Tensor, tensorOf, tensorValues } from '../../ir/index.ts'
import type { GraphEditor, RuleOutcome } from '../../rewrite/index.ts'
import { rangeOf } from './affine.ts'
import { quantizeChannels } from './channel-weights.ts'
import { FEWEST_WEIGHTS } from './dynamic-matmul.ts'
import { channelAxis } from './quantize-rules.ts'

/** Weights of one graph that are stored as codes: the name of the widened value by the name of the float constant. */
export class StoredWeights {
  readonly #widened = new Map<string, string>()
  readonly #names = new Set<string>()

  widenedOf(constant: string): string | undefined {
    return this.#widened.get(constant)
  }

  isWidened(value: string): boolean {
    return this.#names.has(value)
  }

  add(constant: string, widened: string): void {
    this.#widened.set(constant, widened)
    this.#names.add(widened)
  }
}

/** Inputs that hold weights worth storing in 8 bits. */
function weightSlots(node: Node): readonly number[] {
  if (node.opType === 'Gather') return [0]
  return ['LSTM', 'GRU', 'RNN'].includes(node.opType) ? [1, 2] : [1]
}

/**
 * Axes of which every index has a scale of its own: output channels, the rows of an embedding table, and in recurrent
 * layers direction and gate row. They are next to each other, so that they count as one.
 */
function scaledAxes(node: Node, weight: Tensor): readonly [first: number, last: number] {
  if (node.opType === 'Gather') return [0, 0]
  if (['LSTM', 'GRU', 'RNN'].includes(node.opType)) return [0, 1]
  if (node.opType === 'ConvTranspose') return [1, 1]
  const axis = channelAxis(node, weight)
  return [axis, axis]
}

/**
 * The node with its weights as int8 codes, one scale a channel, behind a Cast and a Mul. A DequantizeLinear would say
 * the same, but the runtime keeps that for every run, while it folds these two once, when it loads the model.
 */
export function storeAsInt8(node: Node, editor: GraphEditor, stored: StoredWeights): RuleOutcome {
  const inputs = [...node.inputs]
  let [refused, changed]: [string | undefined, boolean] = [undefined, false]
  for (const slot of weightSlots(node)) {
    const name = inputs[slot]!
    if (stored.isWidened(name)) continue
    const widened = stored.widenedOf(name) ?? storeConstant(node, name, editor, stored)
    if (typeof widened === 'object') refused ??= widened.refused
    else {
      inputs[slot] = widened
      changed = true
    }
  }
  if (!changed) return refused === undefined ? false : { refused }
  editor.replace(node, { ...node, inputs })
  return true
}

function storeConstant(
  node: Node,
  name: string,
  editor: GraphEditor,
  stored: StoredWeights,
): string | { readonly refused: string } {
  const weight = editor.constant(name)
  if (!weight) return { refused: 'its weights are not constant' }
  if (weight.dtype !== 'float32') return { refused: `its weights are ${weight.dtype}` }
  const count = elementCount(weight.dims)
  if (count < FEWEST_WEIGHTS || weight.dims.length < 2) return { refused: `${count} weights are too few to gain` }
  const values = tensorValues(weight) as Float32Array
  if (!rangeOf(values)) return { refused: 'its weights are not finite' }
  const [first, last] = scaledAxes(node, weight)
  const product = (dims: readonly number[]) => dims.reduce((total, dim) => total * dim, 1)
  const view = [
    product(weight.dims.slice(0, first)),
    product(weight.dims.slice(first, last + 1)),
    product(weight.dims.slice(last + 1)),
  ]
  const { codes, scales } = quantizeChannels(values, view, 1)
  const coded = editor.addConstant(tensorOf('int8', weight.dims, codes), `${name}_codes`)
  const spread = weight.dims.map((dim, i) => (i >= first && i <= last ? dim : 1))
  const scale = editor.addConstant(tensorOf('float32', spread, scales), `${name}_scale`)
  const wide = editor.freshName(`${name}_wide`)
  const widened = editor.freshName(`${name}_stored`)
  stored.add(name, widened)
  editor.insertBefore(
    node,
    makeNode('Cast', [coded], [wide], { name: wide, attributes: { to: int(1) } }),
    makeNode('Mul', [wide, scale], [widened], { name: widened }),
  )
  return widened
}
