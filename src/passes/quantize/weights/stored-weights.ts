import {
  elementCount,
  elementType,
  fromNumbers,
  makeNode,
  type Node,
  outputsAxis,
  type Tensor,
  tensorOf,
  tensorValues,
} from '../../../ir/index.ts'
import { grouped } from '../../../report/index.ts'
import type { GraphEditor, RuleOutcome } from '../../../rewrite/index.ts'
import { rangeOf } from '../codes/affine.ts'
import { quantizeChannels } from '../codes/channel-weights.ts'
import type { LearnedWeight } from '../codes/learned-weights.ts'
import type { WindowMoments } from '../codes/moments.ts'
import { codesByWindows } from '../codes/window-codes.ts'
import { isMatrixProduct } from '../products/weighted-product.ts'

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

  /** Whether the weights of a product are in codes already, a Transpose in between or none. */
  hasWeightsOf(product: Node, editor: GraphEditor): boolean {
    const name = product.inputs[1]!
    const maker = editor.producer(name)
    return this.isWidened(name) || (maker?.opType === 'Transpose' && this.isWidened(maker.inputs[0]!))
  }

  add(constant: string, widened: string): void {
    this.#widened.set(constant, widened)
    this.#names.add(widened)
  }
}

const isRecurrent = ({ opType }: Node) => ['LSTM', 'GRU', 'RNN'].includes(opType)

/** Inputs that hold weights worth storing. */
function weightSlots(node: Node): readonly number[] {
  if (node.opType === 'Gather' || node.opType === 'Transpose') return [0]
  return isRecurrent(node) ? [1, 2] : [1]
}

/**
 * Axes of which every index has a scale of its own: output channels, the rows of an embedding table (also where a
 * Transpose makes them the columns of a product), and in recurrent layers direction and gate row. They are next to each
 * other, so that they count as one.
 */
function scaledAxes(node: Node, weight: Tensor): readonly [first: number, last: number] {
  if (node.opType === 'Gather' || node.opType === 'Transpose') return [0, 0]
  if (isRecurrent(node)) return [0, 1]
  const axis = outputsAxis(node, weight)
  return [axis, axis]
}

/**
 * Whether an output of the node is a sum over all weights of a channel, whose errors then cancel where what it reads has
 * one sign or is smooth. A lookup adds nothing up, and a place of a ConvTranspose sees only some of the taps.
 */
function addsUp(node: Node, dims: readonly number[]): boolean {
  return node.opType === 'Conv' || (isMatrixProduct(node) && dims.length === 2)
}

/** How weights are stored: in 8 bits, or in 4, with codes that were learned where there are some. */
interface StoreOptions {
  readonly bits: 4 | 8
  readonly learned?: ReadonlyMap<string, LearnedWeight> | undefined
  /** What convolutions read, by the name of their weights; with it, rounding looks at the outputs. */
  readonly windows?: ReadonlyMap<string, WindowMoments> | undefined
}

/**
 * The node with its weights as int8 or int4 codes, one scale a channel, behind a Cast and a Mul. A DequantizeLinear
 * would say the same, but the runtime keeps that for every run, while it folds these two once, when it loads the model.
 */
export function storeAsIntegers(
  node: Node,
  editor: GraphEditor,
  stored: StoredWeights,
  options: StoreOptions = { bits: 8 },
): RuleOutcome {
  const inputs = [...node.inputs]
  let [refused, changed]: [string | undefined, boolean] = [undefined, false]
  for (const slot of weightSlots(node)) {
    const name = inputs[slot]!
    if (stored.isWidened(name)) continue
    const widened = stored.widenedOf(name) ?? storeConstant(node, name, editor, stored, options)
    if (typeof widened === 'string') inputs[slot] = widened
    else if ('refused' in widened) {
      refused ??= widened.refused
      continue
    } else {
      inputs[slot] = widened.name
      inputs[2] = shiftedBias(node, widened.shift, editor)
    }
    changed = true
  }
  if (!changed) return refused === undefined ? false : { refused }
  editor.replace(node, { ...node, inputs })
  return true
}

/**
 * A product whose weights are a table that a Transpose turns for it alone, with the table in codes: those that lookups
 * read, if they are stored already, so that the table does not stand in the file twice. False where it is no such product.
 */
export function storeTurnedTable(node: Node, editor: GraphEditor, stored: StoredWeights): RuleOutcome {
  const turning = editor.producer(node.inputs[1]!, 'Transpose')
  if (!turning || editor.soleConsumer(turning.outputs[0]!) !== node) return false
  // Right in front of its product, where what widens the codes surely stands before it.
  const turned = { ...turning }
  editor.remove(turning)
  editor.insertBefore(node, turned)
  return storeAsIntegers(turned, editor, stored)
}

/** In 4 bits the channels of a small kernel lose more than its bytes are worth. */
const FEWEST_IN_4_BITS = 1024

/** What two nodes, two constants and their names take in the file. */
const bytesOfNodes = (name: string) => 10 * name.length + 200

/** Whether names, scales and the two nodes more take half of what the codes save: then it is not worth the noise. */
function tooFew(name: string, count: number, scales: number, bits: 4 | 8): boolean {
  if (bits === 4 && count < FEWEST_IN_4_BITS) return true
  return count * (4 - bits / 8) < 2 * (scales * 4 + bytesOfNodes(name))
}

/** Weights on the grid that they are stored on. */
export interface StoredGrid {
  readonly values: Float32Array
  readonly dims: readonly number[]
  readonly codes: Int8Array
  readonly scales: Float32Array
  /** Sizes of `scales` that broadcast over the weights. */
  readonly spread: readonly number[]
  /** What the bias of a convolution takes on with these codes. */
  readonly shift?: Float64Array
}

interface Storable {
  readonly weight: Tensor
  /** The axes of which every index has a scale of its own. */
  readonly axes: readonly [first: number, last: number]
  /** Sizes before, of and behind those axes. */
  readonly view: readonly number[]
}

/** A constant that this node reads, as it would be stored; or why it is not. */
export function storable(
  node: Node,
  name: string,
  editor: GraphEditor,
  bits: 4 | 8,
): Storable | { readonly refused: string } {
  const weight = editor.constant(name)
  if (!weight) return { refused: 'its weights are not constant' }
  const { dims } = weight
  if (weight.dtype !== 'float32') return { refused: `its weights are ${weight.dtype}` }
  const count = elementCount(dims)
  if (dims.length < 2) return { refused: `${grouped(count)} weights are too few to gain` }
  const [first, last] = scaledAxes(node, weight)
  const view = [dims.slice(0, first), dims.slice(first, last + 1), dims.slice(last + 1)].map(elementCount)
  if (tooFew(name, count, view[1]!, bits)) return { refused: `${grouped(count)} weights are too few to gain` }
  if (!rangeOf(tensorValues(weight) as Float32Array)) return { refused: 'its weights are not finite' }
  return { weight, axes: [first, last], view }
}

/**
 * The grid of a constant that this node reads, with codes that are the nearest ones but where errors cancel in sums (see
 * `balanceSums`), or in the outputs where it is known what these are made of; or why it is not stored.
 */
export function storedGrid(
  node: Node,
  name: string,
  editor: GraphEditor,
  bits: 4 | 8,
  windows?: WindowMoments,
): StoredGrid | { readonly refused: string } {
  const known = storable(node, name, editor, bits)
  if ('refused' in known) return known
  const { weight, view } = known
  const [first, last] = known.axes
  const { dims } = weight
  const values = tensorValues(weight) as Float32Array
  const most = 2 ** (bits - 1) - 1
  const quantized =
    (windows && codesByWindows(node, values, dims, windows, most)) ??
    (addsUp(node, dims)
      ? quantizeChannels(values, dims, first, { most, balanced: true })
      : quantizeChannels(values, view, 1, { most }))
  return { values, dims, ...quantized, spread: dims.map((dim, i) => (i >= first && i <= last ? dim : 1)) }
}

function storeConstant(
  node: Node,
  name: string,
  editor: GraphEditor,
  stored: StoredWeights,
  { bits, learned, windows }: StoreOptions,
): string | { readonly refused: string } | { readonly name: string; readonly shift: Float64Array } {
  const grid = storedGrid(node, name, editor, bits, node.opType === 'Conv' ? windows?.get(name) : undefined)
  if ('refused' in grid) return grid
  const { dims, scales, spread } = grid
  const own = learned?.get(name)?.codes
  const codes = own?.length === grid.codes.length ? own : grid.codes
  const packed = bits === 4 ? fromNumbers('int4', dims, codes) : tensorOf('int8', dims, codes)
  const coded = editor.addConstant(packed, `${name}_codes`)
  const scale = editor.addConstant(tensorOf('float32', spread, scales), `${name}_scale`)
  const wide = editor.freshName(`${name}_wide`)
  const widened = editor.freshName(`${name}_stored`)
  stored.add(name, widened)
  editor.insertBefore(
    node,
    makeNode('Cast', [coded], [wide], { name: wide, attributes: { to: elementType('float32') } }),
    makeNode('Mul', [wide, scale], [widened], { name: widened }),
  )
  return grid.shift ? { name: widened, shift: grid.shift } : widened
}

/** The bias of a convolution, or none, with what its rounded weights lack on average. */
function shiftedBias(node: Node, shift: Float64Array, editor: GraphEditor): string {
  const given = node.inputs[2]
  const bias = given ? tensorValues(editor.constant(given)!) : undefined
  const values = Float32Array.from(shift, (by, i) => Number(bias?.[i] ?? 0) + by)
  return editor.addConstant(tensorOf('float32', [values.length], values), given || `${node.outputs[0]}_bias`)
}
