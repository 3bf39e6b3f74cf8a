/*
 * y = f(x, w)   ⇒   y = f(x, w)   l = loss(y, t)   dw = ∂l/∂w   …          for each value that is asked for
 * From the loss back to the inputs, each node is asked once for the gradients of its inputs, given those of its
 * outputs, by the rule of its operator (`rules.ts`); what reaches one value by several ways is added. All of it is
 * standard operators, so that the engine that runs the model runs its gradient.
 * Exact but for float rounding. What rounds (QuantizeLinear, Round, …) counts as the identity unless `rounding` is
 * `exact`.
 * Illegal: an operator set older than 18; a value that the model does not have; a loss that its outputs do not allow. A
 * value that has no way to the loss, or on it an operator without a rule or integers alone, is refused by itself, and
 * the others are still there.
 * Source: the chain rule, accumulated in reverse.
 */
import {
  type Graph,
  inferTypes,
  inlineFunctions,
  type Model,
  type Shape,
  type ValueInfo,
  type ValueType,
} from '../../ir/index.ts'
import { boolean, either, exactly, list, oneOf, optional, type Refusal, text } from '../../report/index.ts'
import type { Pass, PassResult } from '../../rewrite/index.ts'
import { trainingForm } from './batch-training.ts'
import { goBack } from './go-back.ts'
import { gradientWriter } from './gradient-writer.ts'
import { LOSS, type Loss, type LossInput, type WrittenLoss } from './loss.ts'
import { needed } from './needed.ts'
import type { Kept } from './recompute.ts'
import { writeOutRecurrent } from './recurrent-form.ts'
import { Refused } from './refused.ts'
import { type Reduction, writeLoss } from './write-loss.ts'

/** The loss, what it is differentiated by, and how. */
export interface DifferentiateOptions {
  readonly loss: Loss
  /** Inputs, initializers or inner tensors whose gradients are wanted. */
  readonly wrt: readonly string[]
  /** How the losses of rows become one number: `mean` by default. */
  readonly reduction?: Reduction
  /**
   * What rounding (QuantizeLinear, Round, Floor, Ceil, DynamicQuantizeLinear) counts as on the way back: the identity,
   * or what it truly is, a constant nearly everywhere, which leaves nothing to learn from or to attack with.
   */
  readonly rounding?: 'straight-through' | 'exact'
  /**
   * Whether BatchNormalization works as in training, with the mean and variance of the batch (false: with those of the
   * model). `updates` then says where the new running statistics come out.
   */
  readonly training?: boolean
  /**
   * Less memory for more work: values of the forward pass that are held for the way back, by name or about √n of them
   * (`auto`); the others are computed again. All are held by default.
   */
  readonly recompute?: Kept
  /** Whether the model's own outputs stay outputs (true). */
  readonly keepOutputs?: boolean
}

/** The model that computes its gradients, and where they are. */
export interface Differentiation extends PassResult {
  /** The output that holds the loss, a scalar. */
  readonly loss: string
  /** The output that holds one loss a row (place); absent where the loss has no rows. */
  readonly places?: string
  /**
   * The output that holds the gradient by each value asked for, in that value's shape. Values without one are absent;
   * `report.refused` names them with the reason.
   */
  readonly gradients: ReadonlyMap<string, string>
  /** Of values asked for, why their gradient cannot be told: an operator on the way whose rule or form is not known. */
  readonly unknown: ReadonlyMap<string, string>
  /** Inputs that the loss added: labels, targets, seeds. */
  readonly inputs: readonly LossInput[]
  /** In training: the output that holds the new value of each running statistic, by its initializer. */
  readonly updates: ReadonlyMap<string, string>
}

/** Before it, reductions and Split have another form. */
const OLDEST_OPSET = 18

/**
 * The model that computes what it did before, a loss of it, and the gradient of the loss by the values in `wrt`, in
 * standard operators: the engine that runs the model runs its gradient.
 *
 * A value that cannot be reached is refused with the reason (an operator without a rule on the way, integers alone on
 * the way, no way at all) and the others are still there. Where nothing can be reached, the model comes back as it was.
 * Needs operator set 18 or newer; sizes may be symbols.
 */
export function differentiate(before: Model, options: DifferentiateOptions): Differentiation {
  const report = { id: 'differentiate', applied: 0, refused: [] as readonly Refusal[], options }
  const refused = (node: string, reason: string) => unchanged(before, { ...report, refused: [{ node, reason }] })
  const name = before.graph.name || 'graph'
  const opset = before.opsets.get('') ?? 1
  if (opset < OLDEST_OPSET)
    return refused(name, `operator set ${opset} is too old; upgrade the model to ${OLDEST_OPSET} or newer first`)
  const inlined = writeOutRecurrent(inlineFunctions(before), options.wrt)
  const { model, updates } = options.training
    ? inTraining(inlined)
    : { model: inlined, updates: new Map<string, string>() }
  const values = valuesOf(model.graph)
  for (const value of options.wrt) if (!values.has(value)) return refused(value, 'the model has no such value')

  let written: { graph: Graph; loss: WrittenLoss }
  try {
    written = withLoss(model, options, values)
  } catch (error) {
    if (error instanceof Refused) return refused(name, error.message)
    throw error
  }
  const { loss, places, inputs } = written.loss
  const way = goBack(written.graph, (graph) => inferTypes({ ...model, graph }), {
    from: new Map([[loss, 1]]),
    wrt: options.wrt,
    straightThrough: options.rounding !== 'exact',
    recompute: options.recompute,
  })
  const unknown = new Map(
    options.wrt.filter((value) => way.tainted.has(value)).map((value) => [value, way.tainted.get(value)!]),
  )
  const made = { ...report, applied: way.gradients.size, refused: way.refused }
  if (way.gradients.size === 0) return unchanged(before, made, unknown)

  const outputs: readonly ValueInfo[] = [
    ...(options.keepOutputs === false ? [] : model.graph.outputs),
    ...[loss, ...(places === undefined ? [] : [places]), ...updates.values()].map((value) => ({
      name: value,
      type: known(way.types, value),
    })),
    ...[...way.gradients].map(([value, gradient]): ValueInfo => {
      const type = known(way.types, value)
      return { name: gradient, type: type.kind === 'tensor' ? { ...type, dtype: way.dtypes.get(value)! } : type }
    }),
  ]
  return {
    model: { ...model, graph: needed({ ...way.graph, outputs }) },
    report: made,
    loss,
    ...(places === undefined ? {} : { places }),
    gradients: way.gradients,
    unknown,
    inputs,
    updates,
  }
}

/** The model as it came: nothing that was asked for can be reached. */
const unchanged = (
  model: Model,
  report: Differentiation['report'],
  unknown: Differentiation['unknown'] = new Map(),
): Differentiation => ({ model, report, loss: '', gradients: new Map(), unknown, inputs: [], updates: new Map() })

/** As `differentiate`, in the registry of passes. */
export const differentiatePass: Pass<DifferentiateOptions> = {
  id: 'differentiate',
  summary: 'A model that also computes a loss and its gradients, in standard operators',
  options: exactly<DifferentiateOptions>({
    loss: LOSS,
    wrt: list(text),
    reduction: optional(oneOf('mean', 'sum')),
    rounding: optional(oneOf('straight-through', 'exact')),
    training: optional(boolean),
    recompute: optional(either(oneOf('auto'), list(text))),
    keepOutputs: optional(boolean),
  }),
  run: (model, options) => differentiate(model, options),
}

function inTraining(model: Model): { model: Model; updates: ReadonlyMap<string, string> } {
  const { fresh } = gradientWriter({ graph: model.graph, types: new Map() }, '')
  const { graph, updates } = trainingForm(model.graph, fresh)
  return { model: { ...model, graph }, updates }
}

function withLoss(model: Model, options: DifferentiateOptions, values: ReadonlySet<string>) {
  const write = gradientWriter({ graph: model.graph, types: inferTypes(model) }, 'loss/')
  const loss = writeLoss(write, options.loss, options.reduction ?? 'mean', (value) => values.has(value))
  const inputs = loss.inputs.map(
    ({ name, dtype, shape }): ValueInfo => ({ name, type: { kind: 'tensor', dtype, shape: open(shape) } }),
  )
  const graph: Graph = {
    ...model.graph,
    nodes: [...model.graph.nodes, ...write.nodes],
    inputs: [...model.graph.inputs, ...inputs],
    initializers: new Map([...model.graph.initializers, ...write.constants]),
  }
  return { graph, loss }
}

function valuesOf(graph: Graph): ReadonlySet<string> {
  const inner = graph.nodes.flatMap((node) => node.outputs)
  return new Set(
    [...graph.inputs.map(({ name }) => name), ...graph.initializers.keys(), ...inner].filter((name) => name !== ''),
  )
}

/** A value's type as a graph states it: sizes that only the inference has a name for are open. */
function known(types: ReadonlyMap<string, ValueType>, value: string): ValueType {
  const type = types.get(value) ?? { kind: 'unknown' }
  return type.kind === 'tensor' && type.shape ? { ...type, shape: open(type.shape) } : type
}

const open = (shape: Shape): Shape => shape.map((dim) => (typeof dim === 'string' && dim.includes('?') ? null : dim))
