/*
 * y = Conv<pads = [p, q]>(x, w)     ⇒    y = Conv<pads = [p − a, q − b]>(x, w')      w = w' with a rows of zeros in front
 *                                                                                     of it and b behind
 * and where the padding is less than that:   y = Conv(Slice(x, a − p, −(b − q)), w')
 * A spectrogram whose window is shorter than its transform, such as 400 of 512, multiplies the ends of each window by 0.
 * Illegal: weights that are not constant; padding that is computed (`auto_pad`); weights of nothing but zeros.
 * Left alone: few taps, or such of few output channels, where the Slice costs as much as it saves.
 * Source: 0·x = 0 for whatever is finite.
 */
import {
  type Attribute,
  elementCount,
  intAttribute,
  ints,
  makeNode,
  type Node,
  type Tensor,
  TO_THE_END,
  tensorOf,
  tensorValues,
  windowsOf,
} from '../../ir/index.ts'
import { piecesOf, type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'

export const trimTaps = rulePass('trimTaps', 'Leaves out taps at the ends of windows that are 0 in all channels.', [
  { roots: ['Conv'], apply },
])

/** Products that a number of the input must be spared for a Slice of it to pay, and the share of all taps. */
const WORTH_A_SLICE = 16
const SHARE = 1 / 16

function apply(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant, opset } = context
  const weight = constant(node.inputs[1]!)
  if (weight?.dtype !== 'float32' || weight.dims.length < 3) return false
  const kernel = weight.dims.slice(2)
  const windows = windowsOf(node, kernel)
  if (!windows) return false
  const values = tensorValues(weight) as Float32Array
  const idle = kernel.map((_, axis) => idleEnds(values, weight.dims, axis + 2))
  if (idle.every(([first, last]) => first === 0 && last === 0)) return false
  if (idle.some(([first, last], axis) => first + last >= kernel[axis]!)) return false
  const { dilations: steps, pads } = windows
  const axes = kernel.length
  const left = idle.flatMap(([first], axis) => pads[axis]! - first * steps[axis]!)
  left.push(...idle.map(([, last], axis) => pads[axes + axis]! - last * steps[axis]!))
  const cut = trimmed(values, weight.dims, idle)
  const spared = elementCount(kernel) - elementCount(cut.dims.slice(2))
  const slices = left.some((pad) => pad < 0)
  const perNumber = (spared * weight.dims[0]!) / intAttribute(node, 'group', 1)
  const pays = perNumber >= WORTH_A_SLICE && spared >= SHARE * elementCount(kernel)
  if (slices && (opset < 13 || !pays)) return false

  const output = node.outputs[0]!
  const { values: fresh, integers } = piecesOf(output, editor)
  const attributes = new Map<string, Attribute>(node.attributes)
  attributes.delete('auto_pad')
  attributes.set('pads', ints(left.map((pad) => Math.max(0, pad))))
  if (attributes.has('kernel_shape')) attributes.set('kernel_shape', ints(cut.dims.slice(2)))
  const name = editor.addConstant(cut, `${node.inputs[1]}_trimmed`)
  const conv = (input: string) => ({ ...node, inputs: [input, name, ...node.inputs.slice(2)], attributes })
  if (!slices) {
    editor.replace(node, conv(node.inputs[0]!))
    return true
  }
  const [between] = fresh('between')
  const places = [...kernel.keys()].filter((axis) => left[axis]! < 0 || left[axes + axis]! < 0)
  const starts = places.map((axis) => Math.max(0, -left[axis]!))
  const ends = places.map((axis) => (left[axes + axis]! < 0 ? left[axes + axis]! : TO_THE_END))
  const bounds = [
    integers(starts, 'starts'),
    integers(ends, 'ends'),
    integers(
      places.map((axis) => axis + 2),
      'axes',
    ),
  ]
  const slice = makeNode('Slice', [node.inputs[0]!, ...bounds], [between], {
    name: editor.freshName(`${node.name || output}_between`),
  })
  editor.replace(node, slice, conv(between))
  return true
}

/** How many places at either end of an axis hold nothing but zeros. */
function idleEnds(values: Float32Array, dims: readonly number[], axis: number): readonly [number, number] {
  const [size, inner] = [dims[axis]!, elementCount(dims.slice(axis + 1))]
  const outer = elementCount(dims.slice(0, axis))
  const isIdle = (place: number) => {
    for (let row = 0; row < outer; row++) {
      const from = (row * size + place) * inner
      for (let i = from; i < from + inner; i++) if (values[i] !== 0) return false
    }
    return true
  }
  let [first, last] = [0, 0]
  while (first < size && isIdle(first)) first++
  while (first + last < size && isIdle(size - 1 - last)) last++
  return [first, last]
}

/** The weights without so many places at either end of each axis behind the first two. */
function trimmed(values: Float32Array, dims: readonly number[], idle: readonly (readonly [number, number])[]): Tensor {
  let [current, sizes] = [values, [...dims]]
  for (const [place, [first, last]] of idle.entries()) {
    const axis = place + 2
    const [size, inner] = [sizes[axis]!, elementCount(sizes.slice(axis + 1))]
    const outer = elementCount(sizes.slice(0, axis))
    const kept = size - first - last
    const next = new Float32Array(outer * kept * inner)
    for (let row = 0; row < outer; row++) {
      const from = (row * size + first) * inner
      next.set(current.subarray(from, from + kept * inner), row * kept * inner)
    }
    current = next
    sizes = sizes.map((each, i) => (i === axis ? kept : each))
  }
  return tensorOf('float32', sizes, current)
}
