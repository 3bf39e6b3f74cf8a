/*
 * y = Conv(x, w, b)   ⇒   y = DQ(Q(Conv(DQ(Q(x)), DQ(w₈), DQ(b₃₂))))
 * Activations: unsigned 8 bit, asymmetric, one scale a value, from calibrated ranges. Weights: signed 8 bit, symmetric,
 * one scale an output channel. Bias: 32 bit, scale = input scale · weight scale. The runtime turns the pattern into
 * QLinearConv, QGemm, QLinearMatMul, … (`quantize-rules.ts`); what is faster in float by the costs stays there.
 * Illegal: a range that is unknown or not finite; weights that are not constant float32; an operator set older than 13
 * (no per-channel scales), or than 21 where weights are stored in 4 bits; nodes of nested graphs.
 * Source: Jacob et al. 2018, 1712.05877; ONNX, QuantizeLinear and DequantizeLinear.
 */
import {
  allNodes,
  constantValue,
  type Graph,
  hasNestedGraphs,
  inferTypes,
  isFloating,
  type Model,
  type Node,
  nestedGraphs,
  nodeLabel,
  operatorName,
  type Tensor,
} from '../../../ir/index.ts'
import {
  type CalibrationReport,
  exactly,
  oneOf,
  optional,
  type PassRun,
  type Refusal,
  TARGETS,
  type Target,
  text,
} from '../../../report/index.ts'
import { type Evidence, type Pass, type PassResult, refusedWhole } from '../../../rewrite/index.ts'
import { learnedWeightsOf } from '../codes/learned-weights.ts'
import { keptAsAsked } from '../kept-as-asked.ts'
import { PLAN_OPTIONS, type PlanOptions } from '../units/plan-options.ts'
import { type NodeFacts, quantizeRules } from '../units/quantize-rules.ts'
import { type TablesCoded, tablesCoded } from '../weights/stored-tables.ts'
import { channelsFrom, costsFrom, rangesFrom, sensitivityFrom } from './evidence.ts'
import { insertQdq } from './nodes/insert-qdq.ts'
import { weightsAhead } from './nodes/weights-ahead.ts'
import { type ChannelPlace, channelPlaces, valuesToCalibrate } from './observed-values.ts'
import { endedValues, planStatic, roundingOrigins, type StaticPlan } from './static-plan.ts'

export interface StaticInt8Options extends PlanOptions {
  /** `portable`: weights whose products cannot saturate 16 bits on processors without VNNI. */
  readonly target?: Target | undefined
  /** Which calibration report among the evidence to use; the first where omitted. */
  readonly calibration?: string | undefined
  /** `stored`: embedding tables are int8 in the file, a scale a row, and widened at load; see `stored-tables.ts`. */
  readonly tables?: 'stored' | undefined
}

export const quantizeStaticInt8: Pass<StaticInt8Options> = {
  id: 'quantizeStaticInt8',
  summary: '8-bit integers for weights and activations, with ranges seen in calibration',
  options: exactly<StaticInt8Options>({
    ...PLAN_OPTIONS,
    target: optional(oneOf(...TARGETS)),
    calibration: optional(text),
    tables: optional(oneOf('stored')),
  }),
  run(model, options, evidence): PassResult {
    const opset = model.opsets.get('') ?? 1
    const base = { id: 'quantizeStaticInt8', options }
    const refuse = (reason: string) => refusedWhole(model, base.id, reason, options)
    if (opset < 13)
      return refuse(`operator set ${opset} has no per-channel scales; upgrade the model to 13 or newer first`)
    if (options.weightBits === 4 && opset < 21)
      return refuse(`operator set ${opset} has no int4 to store weights in; upgrade the model to 21 or newer first`)
    const portable = options.target === 'portable'
    // What holds for all codes holds for those that were seen.
    const seen = options.within16 === 'seen' && !portable
    const plan = planOf(model, seen ? options : { ...options, within16: undefined }, evidence)
    const refused = [...plan.float, ...nestedRefusals(model)]
    if (plan.units.size === 0) return { model, report: { ...base, applied: 0, refused, planned: {} } }
    const { graph, planned } = insertQdq(plan, portable || seen)
    const kept = keptAsAsked(options.keepFloat)
    const tables = tablesCoded({ ...model, graph }, base.id, { kept, tables: options.tables })
    const { expectedNoise } = plan
    const notes = [
      ...(portable ? [PORTABLE] : []),
      ...(seen ? [SEEN] : []),
      ...(options.equalise ? [equalised(plan)] : []),
      ...takenIn(plan, options.keepFloat ?? []),
    ]
    const report: PassRun = {
      ...base,
      applied: plan.units.size,
      refused: options.tables === 'stored' ? floatBeside(tables, refused) : refused,
      planned,
      ...(expectedNoise === null ? {} : { expectedNoise }),
    }
    return { model: tables.model, report: notes.length > 0 ? { ...report, notes } : report }
  },
}

/** What is left to say of nodes in float: of lookups whose table was to be stored, why it was not. */
function floatBeside({ stored, refused }: TablesCoded, float: readonly Refusal[]): readonly Refusal[] {
  const reasons = new Map(refused.map((refusal) => [refusal.node, refusal]))
  return float.filter(({ node }) => !stored.has(node)).map((refusal) => reasons.get(refusal.node) ?? refusal)
}

/** How far equalising got. */
function equalised({ codes }: StaticPlan): string {
  const values = [...codes.values()].filter(({ channels }) => channels).length
  return values === 0
    ? 'no channels could have scales of their own: of no value in integers do both the convolution that makes it and whatever reads it take them in'
    : `channels have scales of their own in ${values} of ${codes.size} values in integers`
}

/** What is to be said of operators that were to stay in float, and have no kernel to stay in. */
function takenIn({ covered }: StaticPlan, keepFloat: readonly string[]): readonly string[] {
  return keepFloat.flatMap((name) => {
    const nodes = [...covered].filter((node) => operatorName(node) === name).map(nodeLabel)
    if (nodes.length === 0) return []
    const some = `${nodes.slice(0, 3).join(', ')}${nodes.length > 3 ? `, … (${nodes.length} of them)` : ''}`
    return [
      `${name} was asked to stay in float, but is no step of its own in integers at ${some}: there it is the bias or the range of the operator in front, which the node's own name would keep in float, too`,
    ]
  })
}

/** The value that has the rounding of each value under these ranges: see `roundingOrigins`. */
export function originsUnder(model: Model, { ranges }: CalibrationReport): (name: string) => string {
  return roundingOrigins(model.graph, factsFor(model), new Map(Object.entries(ranges)))
}

/** The values whose codes end before they do under these ranges: see `endedValues`. */
export function endedUnder(model: Model, { ranges }: CalibrationReport): ReadonlySet<string> {
  return endedValues(model.graph, factsFor(model), new Map(Object.entries(ranges)))
}

/** What is known of nodes without running them. */
const factsFor = (model: Model) => ({ ...factsOf(model.graph, model.opsets.get('') ?? 1), ...typesOf(model) })

/** What would be rounded, and how, by these options and this evidence. */
export function planOf(model: Model, options: StaticInt8Options, evidence: readonly Evidence[]): StaticPlan {
  const facts = factsFor(model)
  const ranges = rangesFrom(evidence, options.calibration)
  return planStatic(model.graph, facts, ranges, options, {
    sensitivity: sensitivityFrom(evidence),
    ...costsFrom(evidence),
    channels: channelsFrom(evidence),
    learned: learnedWeightsOf(evidence),
  })
}

/** Why the weights of a portable model are safe everywhere; see `kernel-pairs.ts`. */
const PORTABLE =
  'no two weight codes that a kernel adds in 16 bits come to more than 128, so no sum of two products saturates'

const SEEN =
  'no two weight codes that a kernel adds in 16 bits saturate with the codes that calibration saw them meet, and some room beyond'

/**
 * What `quantizeStaticInt8` can do before there is evidence: it codes weights as they stand, one a step, and keeps the
 * codes for the pass. Nothing where codes hang on more than the weights.
 */
export function* codeAhead(model: Model, options: StaticInt8Options): Generator<void> {
  const opset = model.opsets.get('') ?? 1
  if (opset >= 13 && options.target !== 'portable' && !options.within16)
    yield* weightsAhead(model, factsOf(model.graph, opset), options)
}

/** Values of the main graph whose ranges `quantizeStaticInt8` may need. */
export function calibrationValues(graph: Graph, opset: number): readonly string[] {
  return valuesToCalibrate(graph, factsOf(graph, opset))
}

/** Those values with the place of their channels. */
export function calibrationChannels(graph: Graph, opset: number): ReadonlyMap<string, ChannelPlace> {
  return channelPlaces(graph, factsOf(graph, opset))
}

function factsOf(graph: Graph, opset: number): NodeFacts {
  const overridable = new Set(graph.inputs.map((value) => value.name))
  const constants = new Map<string, Tensor>()
  for (const [name, tensor] of graph.initializers) if (!overridable.has(name)) constants.set(name, tensor)
  for (const node of graph.nodes) {
    const value = constantValue(node)
    if (value) constants.set(node.outputs[0]!, value)
  }
  return { opset, constant: (value) => constants.get(value) }
}

/** Tells what elements and which shape a value has; types are inferred when the first is asked for. */
function typesOf(model: Model): Pick<NodeFacts, 'dtype' | 'shape'> {
  let types: ReturnType<typeof inferTypes> | undefined
  const tensor = (value: string) => {
    types ??= inferTypes(model)
    const type = types.get(value)
    return type?.kind === 'tensor' ? type : undefined
  }
  return { dtype: (value) => tensor(value)?.dtype, shape: (value) => tensor(value)?.shape }
}

/** Calibration sees the main graph only, so what nested graphs compute on floats stays in float. */
function nestedRefusals(model: Model): Refusal[] {
  const { dtype } = typesOf(model)
  const onFloats = ({ opType, outputs }: Node) =>
    opType !== 'Constant' && opType !== 'Identity' && outputs.some((name) => isFloating(dtype?.(name) ?? 'undefined'))
  return model.graph.nodes.flatMap((holder) =>
    [...nestedGraphs(holder)]
      .flatMap(([, nested]) => [...allNodes(nested)])
      .filter(
        (node) => quantizeRules[operatorName(node)]?.kind === 'product' || (!hasNestedGraphs(node) && onFloats(node)),
      )
      .map((node) => ({ node: nodeLabel(node), reason: `it lies in a branch or body of ${nodeLabel(holder)}` })),
  )
}
