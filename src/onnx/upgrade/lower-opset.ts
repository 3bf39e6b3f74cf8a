import {
  allNodes,
  type DType,
  type Graph,
  inferTypes,
  intAttribute,
  type Model,
  mapGraphs,
  type Node,
  newProblems,
  nodeLabel,
  operatorName,
  operatorVersions,
  stringAttribute,
  tensorDtype,
} from '../../ir/index.ts'
import { TARGET_OPSET, type UpgradeReport } from './upgrade-opset.ts'

/**
 * The newest operator set whose AveragePool the runtime computes with its fast kernel. That of set 19 and newer runs on
 * a general one wherever it is not in the blocked layout: on 24 channels of 56×56, windows of 3×3 at every second place
 * took 146 µs more than as of set 18 (onnxruntime 1.30, one core of an EPYC with AVX-512).
 */
const FAST_POOLS = 18
/** The first set whose AveragePool has dilations, and counts windows at the end as they are. */
const SPREAD_POOLS = 19

/**
 * The newest operator set whose signed codes of activations the runtime takes wherever it is asked to. On x86 it makes
 * them unsigned, and where it also moves them past a Transpose or Reshape it leaves `output_dtype`, which came with set
 * 21, as it was, and then refuses its own graph (onnxruntime 1.30).
 */
const SIGNED_CODES = 20

/**
 * The newest operator set in which the runtime writes an operator that it has no kernel for as the simpler ones that
 * ONNX defines it by (onnxruntime 1.30): those definitions are of set 18, and Constant, which they use, changed in 19.
 */
const WRITTEN_OUT = 18

/** Elements that the runtime computes an operator on only by writing it out. Found by loading every one in every set. */
const WITHOUT_KERNEL: Readonly<Record<string, readonly DType[]>> = {
  ...Object.fromEntries(
    'Elu HardSigmoid HardSwish LeakyRelu Mish Selu Softplus Softsign ThresholdedRelu'
      .split(' ')
      .map((operator) => [operator, ['float64']]),
  ),
  PRelu: ['float64', 'int32', 'int64'],
  ReduceLogSumExp: ['uint32', 'uint64'],
  Relu: ['int64'],
}

/** What sets 19 to 21 changed by new types and attributes alone: what the older set accepts means the same in it. */
const SAME_WHERE_ACCEPTED: ReadonlySet<string> = new Set(
  `AveragePool Cast CastLike Constant ConstantOfShape DequantizeLinear Equal Flatten Identity If IsInf IsNaN Loop Pad
  QLinearMatMul QuantizeLinear ReduceMax ReduceMin Reshape Resize Scan Shape Size Squeeze Transpose Unsqueeze`.split(
    /\s+/,
  ),
)

/**
 * The sets that a model may be declared as of, with the IR version that each came with: from release 1.14 of the runtime
 * on it takes set 18, from 1.17 on set 20 and from 1.18 on set 21, whose QLinearMatMul has a kernel only since 1.20.
 */
const LOWER: readonly (readonly [opset: number, irVersion: number])[] = [
  [WRITTEN_OUT, 8],
  [20, 9],
]

/**
 * The same model as of an older operator set, 18 or else 20, where nothing in it needs the newer one: more releases of
 * the runtime take the file, and the AveragePool of set 18 is faster.
 *
 * Illegal where a node says what the older set does not know or means otherwise, and in models with functions. A window
 * that is cut off at the end (`ceil_mode`) was counted otherwise before set 19, so such pools stay as they are.
 */
export function lowerOpset(model: Model): { model: Model; report: UpgradeReport } {
  const opset = model.opsets.get('') ?? 0
  const due = LOWER.filter(([target]) => target < opset)
  const report = (applied: number, more: Partial<UpgradeReport>) => ({
    id: 'lowerOpset',
    applied,
    refused: [],
    ...more,
  })
  let problem: { node: string; reason: string } | null = null
  for (const [target, ir] of due) {
    const lowered = {
      ...model,
      irVersion: Math.min(model.irVersion, ir),
      opsets: new Map(model.opsets).set('', target),
      graph: target < SPREAD_POOLS ? withPlainPools(model.graph) : model.graph,
    }
    problem = whyNot(model, lowered, target)
    const notes = [`written as opset ${target}, which says the same and which more runtimes take`]
    if (!problem) return { model: lowered, report: report(1, { notes }) }
  }
  return { model, report: report(0, problem ? { refused: [problem] } : {}) }
}

/** What keeps a model from being declared as of an older set. */
function whyNot(model: Model, lowered: Model, target: number): { node: string; reason: string } | null {
  if (model.functions.length > 0)
    return { node: model.functions[0]!.name, reason: 'a function has operator sets of its own' }
  for (const node of allNodes(model.graph)) {
    const reason = changedSince(node, model.opsets.get('')!, target)
    if (reason) return { node: nodeLabel(node), reason }
  }
  const [problem] = newProblems(lowered, model)
  return problem ? { node: problem.where, reason: `operator set ${target} would not do: it ${problem.what}` } : null
}

/**
 * The operator set to bring a model to: the newest that passes write for, the one with the fast AveragePool, or the
 * last in which the runtime runs the model.
 */
export function opsetFor(model: Model): number {
  const opset = model.opsets.get('') ?? TARGET_OPSET
  const pools = () => [...allNodes(model.graph)].some((node) => operatorName(node) === 'AveragePool')
  if (opset <= FAST_POOLS && pools()) return FAST_POOLS
  return newestRunning(model)
}

/** The newest operator set, of those that passes write for, in which the runtime runs the model as well as in its own. */
export function newestRunning(model: Model): number {
  const opset = model.opsets.get('') ?? TARGET_OPSET
  if (opset > SIGNED_CODES) return TARGET_OPSET
  const asked = [...allNodes(model.graph)].filter((node) => {
    const operator = operatorName(node)
    return operator === 'QuantizeLinear' || Object.hasOwn(WITHOUT_KERNEL, operator)
  })
  if (asked.length === 0) return TARGET_OPSET
  const types = inferTypes(model)
  const writes = (node: Node, dtypes: readonly DType[] = []) => {
    const dtype = tensorDtype(types.get(node.outputs[0]!))
    return dtype !== undefined && dtypes.includes(dtype)
  }
  if (opset <= WRITTEN_OUT && asked.some((node) => writes(node, WITHOUT_KERNEL[operatorName(node)]))) return WRITTEN_OUT
  const signed = asked.some((node) => operatorName(node) === 'QuantizeLinear' && writes(node, ['int8']))
  return signed ? SIGNED_CODES : TARGET_OPSET
}

/** Why a node of this set may mean something else in an older one. */
function changedSince(node: Node, opset: number, target: number): string | null {
  if (node.domain !== '') return null
  const operator = operatorName(node)
  const since = (set: number) => operatorVersions(operator).findLast((version) => version.since <= set)?.since
  if (since(opset) === since(target)) return null
  if (!SAME_WHERE_ACCEPTED.has(operator) || opset > 21)
    return `${operator} of operator set ${opset} is another one in ${target}`
  if (target >= SPREAD_POOLS) return null
  const is = (name: string, value: string) => stringAttribute(node, name, '') === value
  if (operator === 'AveragePool' && intAttribute(node, 'ceil_mode', 0) === 1)
    return 'it counts windows at the end otherwise before set 19'
  if (operator === 'AveragePool' && spread(node)) return `operator set ${target} has no spread windows`
  const newer = is('mode', 'wrap') || is('coordinate_transformation_mode', 'half_pixel_symmetric')
  return newer ? `${operator} is asked for what operator set ${target} does not have` : null
}

function spread(pool: Node): boolean {
  const dilations = pool.attributes.get('dilations')
  return dilations !== undefined && (dilations.type !== 'ints' || dilations.value.some((value) => Number(value) !== 1))
}

/** AveragePools without dilations, which are all one here. */
function withPlainPools(graph: Graph): Graph {
  const nodes = graph.nodes.map((node) => {
    if (operatorName(node) !== 'AveragePool') return mapGraphs(node, withPlainPools)
    const attributes = new Map(node.attributes)
    return attributes.delete('dilations') ? { ...node, attributes } : node
  })
  return { ...graph, nodes }
}
