import type { GraphIndex, Node } from '../../ir/index.ts'
import { operatorName } from '../../ir/index.ts'
import { onlyMoves } from './units/quantize-rules.ts'

/** The codes that a float stands for, and the node that reads them; whether moved or also read by others on the way. */
export interface ReadCodes {
  readonly codes: string
  readonly reader: Node
  readonly moved: boolean
  readonly shared: boolean
}

/** The codes behind a float value. The runtime looks past whatever only moves values between. */
export function codesBehind(value: string, index: GraphIndex): ReadCodes | undefined {
  let [at, moved, shared] = [value, false, false]
  for (;;) {
    const maker = index.producer.get(at)
    if (!maker) return undefined
    shared ||= isShared(at, index)
    if (operatorName(maker) === 'DequantizeLinear') return { codes: maker.inputs[0]!, reader: maker, moved, shared }
    if (!onlyMoves(maker)) return undefined
    at = maker.inputs[0]!
    moved = true
  }
}

/**
 * What becomes of signed codes when the runtime optimises a graph on x86: of a QuantizeLinear with one DequantizeLinear
 * right behind it, which nothing else reads, it makes an unsigned pair (`turned`); codes that no QuantizeLinear makes
 * stay signed (`kept`); the rest, as codes that two read, may go either way. Source: ONNX Runtime,
 * `QDQS8ToU8Transformer`, and what 1.30 was seen to do.
 */
export function becomesOf({ codes, shared }: ReadCodes, index: GraphIndex): 'turned' | 'kept' | 'either' {
  const isCoder = (node: Node | undefined) => node !== undefined && operatorName(node) === 'QuantizeLinear'
  let [at, maker] = [codes, index.producer.get(codes)]
  if (isCoder(maker)) return shared || isShared(codes, index) ? 'either' : 'turned'
  while (maker && onlyMoves(maker)) {
    at = maker.inputs[0]!
    maker = index.producer.get(at)
  }
  if (isCoder(maker)) return 'either'
  // A value of an outer graph has no maker here.
  return maker || index.inputs.has(at) ? 'kept' : 'either'
}

const isShared = (value: string, { consumers, outputs }: GraphIndex): boolean =>
  (consumers.get(value)?.length ?? 0) > 1 || outputs.has(value)
