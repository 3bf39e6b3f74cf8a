/*
 * a = Reshape(x, [N·C/k, k, H·W])   t = Transpose<perm = 1, 0, 2>(a)   u = Reshape(t, [k, N, C/k, H, W])
 * y₀ = Gather<axis = 0>(u, 0)   y₁ = Gather<axis = 0>(u, 1)   …
 * or   y₀ = Slice(x, 0, ∞, axis = 1, step = k)   y₁ = Slice(x, 1, ∞, axis = 1, step = k)   …
 *   ⇒   y₀, y₁, … = Split<axis = 1>(Gather<axis = 1>(x, [0, k, …, 1, k + 1, …]))
 * Channels that are dealt out in turn, as ShuffleNet v2 and the detectors built on it (YOLO-Fastest, FastestDet) have it.
 * One Gather copies whole planes; Slices with steps go number by number, and between integer kernels, which keep channels
 * last, the Transpose is copied byte by byte (four blocks of 64 channels of 32×32 in integers: 0.73 ms, by Slices 0.90,
 * then 0.69).
 * Illegal: an inner value is read otherwise or is an output; parts that are missing; sizes that are not known, the batch
 * apart; an operator set below 13 (Split takes its sizes otherwise).
 * Source: row m of a is channels k·m to k·m + k − 1, since k divides C.
 */
import {
  int,
  intAttribute,
  intsAttribute,
  makeNode,
  type Node,
  sliceBounds,
  TO_THE_END,
  tensorOf,
  tensorShape,
  toNumbers,
} from '../../ir/index.ts'
import { type RuleContext, type RuleOutcome, rulePass } from '../../rewrite/index.ts'
import { betweenReshapes } from './between-reshapes.ts'

export const dealChannels = rulePass(
  'dealChannels',
  'Channels that are dealt out in turn come from one Gather and a Split.',
  [
    { roots: ['Transpose'], apply: fromRows },
    { roots: ['Slice'], apply: fromSteps },
  ],
)

/** The first operator set whose Split takes sizes as an input. */
const SIZES_AS_INPUT = 13

function fromRows(node: Node, context: RuleContext): RuleOutcome {
  const { editor, constant } = context
  if (intsAttribute(node, 'perm', []).join() !== '1,0,2') return false
  const reshapes = betweenReshapes(node, context)
  if (!reshapes || editor.isOutput(reshapes.after.outputs[0]!)) return false
  const { x, after, whole, apart: rows, back: parts } = reshapes
  const sides = sizesOf(x, context)
  const count = rows?.[1]
  if (!sides || typeof count !== 'number' || whole?.length !== 4) return false
  const [channels, height, width] = sides
  if (channels % count !== 0 || rows?.[2] !== height * width) return false
  const [first, , ...rest] = parts ?? []
  if (first !== count || rest.join() !== [channels / count, height, width].join()) return false
  const outputs: string[] = []
  const readers = editor.consumers(after.outputs[0]!)
  for (const reader of readers) {
    const index =
      reader.opType === 'Gather' && reader.inputs[0] === after.outputs[0] ? constant(reader.inputs[1]!) : undefined
    if (index?.dims.length !== 0 || intAttribute(reader, 'axis', 0) !== 0) return false
    const asked = toNumbers(index)[0]!
    const place = asked < 0 ? asked + count : asked
    if (outputs[place] !== undefined) return false
    outputs[place] = reader.outputs[0]!
  }
  return deal(after, readers, x, channels, count, outputs, context)
}

function fromSteps(node: Node, context: RuleContext): RuleOutcome {
  const x = node.inputs[0]!
  const [channels] = sizesOf(x, context) ?? []
  if (channels === undefined) return false
  const start = (slice: Node, count?: number): readonly [number, number] | undefined => {
    const [bound, ...others] =
      slice.opType === 'Slice' && slice.inputs[0] === x ? (sliceBounds(slice, context) ?? []) : []
    if (!bound || others.length > 0 || bound.axis !== 1 || bound.step < 2 || channels % bound.step !== 0)
      return undefined
    const isWhole = bound.end >= Math.min(TO_THE_END, channels - bound.step + bound.start + 1)
    if (!isWhole || bound.start < 0 || bound.start >= bound.step || (count ?? bound.step) !== bound.step)
      return undefined
    return [bound.start, bound.step]
  }
  const [, count] = start(node) ?? []
  if (count === undefined) return false
  const outputs: string[] = []
  const slices: Node[] = []
  for (const slice of context.editor.consumers(x)) {
    const [place] = start(slice, count) ?? []
    if (place === undefined || outputs[place] !== undefined) continue
    outputs[place] = slice.outputs[0]!
    slices.push(slice)
  }
  return deal(node, slices, x, channels, count, outputs, context)
}

/** Puts a Gather and a Split in the place of `node` and of those that gave the parts. */
function deal(
  node: Node,
  givers: readonly Node[],
  x: string,
  channels: number,
  count: number,
  outputs: readonly string[],
  { editor, opset }: RuleContext,
): RuleOutcome {
  if (opset < SIZES_AS_INPUT || Array.from({ length: count }, (_, i) => outputs[i]).includes(undefined)) return false
  const each = channels / count
  const order = BigInt64Array.from({ length: channels }, (_, k) => BigInt((k % each) * count + Math.floor(k / each)))
  const hint = outputs[0]!
  const indices = editor.addConstant(tensorOf('int64', [channels], order), `${hint}_order`)
  const sizes = editor.addConstant(
    tensorOf('int64', [count], new BigInt64Array(count).fill(BigInt(each))),
    `${hint}_sizes`,
  )
  const dealt = editor.freshName(`${hint}_dealt`)
  const attributes = { axis: int(1) }
  for (const giver of givers) if (giver !== node) editor.remove(giver)
  editor.replace(
    node,
    makeNode('Gather', [x, indices], [dealt], { name: editor.freshName(`${dealt}_Gather`), attributes }),
    makeNode('Split', [dealt, sizes], outputs, { name: node.name, attributes }),
  )
  const left = editor.producer(node.inputs[0]!, 'Transpose')
  if (left) editor.removeUnused(left)
  return true
}

/** Channels, height and width of a picture of any batch; undefined where one of them is not known. */
function sizesOf(value: string, { types }: RuleContext): readonly [number, number, number] | undefined {
  const shape = tensorShape(types.get(value))
  const sizes = shape?.slice(1) ?? []
  return sizes.length === 3 && sizes.every((size) => typeof size === 'number')
    ? (sizes as [number, number, number])
    : undefined
}
