import { floatAttribute, makeNode, type Node, nodeLabel, tensorOf } from '../../../../ir/index.ts'
import { type Affine, UNIT } from '../../codes/affine.ts'
import type { Unit } from '../../units/unit.ts'
import { limitedCodes } from '../ranges/limited-codes.ts'
import type { StaticPlan } from '../static-plan.ts'
import type { CodedValues } from './coded-values.ts'
import type { QdqWriter } from './qdq-writer.ts'

/** What an integer unit is written with. */
export interface Insertion {
  readonly plan: StaticPlan
  readonly writer: QdqWriter
  readonly values: CodedValues
  /** Takes down so many integer kernels that the graph is meant to have. */
  count(kernel: string, times?: number): void
}

/** The codes of a float `read` under another scale: a table of its own. */
export function rescaled(read: string, to: Affine, hint: string, { writer, count }: Insertion): string {
  count('QLinearLeakyRelu')
  return writer.rescale(read, to, hint)
}

/** clip(αx + β, 0, 1), which is x itself under other codes. */
export function emitHardSigmoid({ node, writes }: Unit, insertion: Insertion): void {
  const name = writes[0]!
  const [alpha, beta] = [floatAttribute(node, 'alpha', 0.2), floatAttribute(node, 'beta', 0.5)]
  insertion.values.standAs(name, hardSigmoidCodes(node, alpha, beta, name, insertion), UNIT)
}

/** The codes of x under scale 1/(255 α) and zero point 255 β (rounded: half a step off at most). */
function hardSigmoidCodes(node: Node, alpha: number, beta: number, hint: string, insertion: Insertion): string {
  const shifted: Affine = {
    scale: Math.fround(1 / (255 * alpha)),
    zeroPoint: Math.min(255, Math.max(0, Math.round(255 * beta))),
  }
  return rescaled(insertion.values.read(node.inputs[0]!, node), shifted, hint, insertion)
}

/** tanh(x) = 2σ(2x) − 1: a sigmoid of the same codes under twice the scale, whose codes stand for the result. */
export function emitTanh({ node, writes }: Unit, insertion: Insertion): void {
  const { plan, writer, values } = insertion
  const [input, name] = [node.inputs[0]!, writes[0]!]
  const doubled = { ...plan.codes.get(input)!, channels: undefined }
  const read = writer.freshName(`${name}_doubled`)
  writer.dequantize(values.codesOf(input), { ...doubled, scale: 2 * doubled.scale }, read, read)
  const codes = plan.codes.get(name)!
  const halved = { scale: codes.scale / 2, zeroPoint: codes.zeroPoint - Math.round(1 / codes.scale) }
  values.standAs(name, sigmoidCodes(read, halved, nodeLabel(node), insertion), codes)
}

function sigmoidCodes(read: string, codes: Affine, name: string, { writer, count }: Insertion): string {
  const raw = writer.freshName(`${name}_float`)
  writer.nodes.push(makeNode('Sigmoid', [read], [raw], { name }))
  count('QLinearSigmoid')
  return writer.quantize(raw, codes, name)
}

/** x · gate(x): a table, or codes between limits, then QLinearMul. */
export function emitGate({ node, writes }: Unit, kind: 'hard-swish' | 'silu', insertion: Insertion): void {
  const { writer, values, count } = insertion
  const [input, name] = [node.inputs[0]!, writes[0]!]
  const hint = writer.freshName(`${name}_gate`)
  const { codes, under } = gateCodes(node, kind, hint, insertion)
  const factor = writer.dequantize(codes, under, writer.freshName(`${hint}_dequantized`), hint)
  const raw = writer.freshName(`${name}_float`)
  writer.nodes.push(
    makeNode('Mul', [values.read(input, node), factor], [raw], { name: node.name || `${hint}_product` }),
  )
  count('QLinearMul')
  values.code(name, raw)
}

/** The codes of a gate, and what they stand for. */
function gateCodes(node: Node, kind: 'hard-swish' | 'silu', hint: string, insertion: Insertion) {
  const { plan, writer, values, count } = insertion
  const input = node.inputs[0]!
  if (kind === 'silu') return { codes: sigmoidCodes(values.read(input, node), UNIT, hint, insertion), under: UNIT }
  const limits = plan.limits ? limitedCodes(plan.codes.get(input)!) : null
  if (!limits) return { codes: hardSigmoidCodes(node, 1 / 6, 0.5, hint, insertion), under: UNIT }
  const ends = Object.entries({ low: limits.low, high: limits.high }).map(([end, code]) =>
    writer.constant(tensorOf('uint8', [], [code]), `${hint}_${end}`),
  )
  const codes = writer.freshName(`${hint}_codes`)
  writer.nodes.push(makeNode('Clip', [values.codesOf(input), ...ends], [codes], { name: `${hint}_limits` }))
  count('Clip')
  return { codes, under: limits.under }
}
