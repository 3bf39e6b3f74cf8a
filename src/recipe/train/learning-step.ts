import { type Model, nodeLabel, operatorName } from '../../ir/index.ts'
import { behindAdversary, differentiate, gradientRules, type Loss, withFactors } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import { layoutOf, type Optimizer, type StepGraph, stepGraph, trainableWeights } from '../../train/index.ts'
import type { MovingRows } from './moving-rows.ts'
import type { Layouts } from './rater.ts'

/** What learns, and how a step moves it. */
export interface StepOptions {
  /** Initializers that learn; the trainable weights of the student by default. */
  readonly wrt?: readonly string[] | undefined
  /** What the gradient by an initializer is multiplied with, where not with 1. */
  readonly factors?: ReadonlyMap<string, number> | undefined
  readonly optimizer?: Optimizer | undefined
}

/**
 * The graph of one training step, where the weights stand in it, and what of the student stays as it is.
 *
 * @throws UserError where nothing of it can learn: an operator without a rule is named.
 */
export function learningStep(
  student: Model,
  loss: Loss,
  moving: MovingRows | null,
  options: StepOptions,
): { readonly step: StepGraph; readonly layouts: Layouts; readonly notes: readonly string[] } {
  const wrt = options.wrt ?? trainableWeights(student)
  const made = withFactors(
    differentiate(student, { loss, wrt, training: true, keepOutputs: false }),
    options.factors ?? new Map(),
  )
  const { refused } = made.report
  if (made.gradients.size === 0)
    throw new UserError(
      'unsupported',
      `this model cannot be trained: ${refused[0]?.reason ?? 'it has no float weights'}`,
      {
        where: refused[0]?.node ?? student.graph.name,
        hint: 'whet distil --student FILE trains another model towards its answers',
      },
    )
  const layouts = {
    weights: layoutOf(student, made.gradients.keys()),
    statistics: layoutOf(student, made.updates.keys()),
  }
  const stepped = moving ? { ...made, model: behindAdversary(made.model, moving.input, moving.adversary) } : made
  const step = stepGraph(stepped, layouts.weights, layouts.statistics, options.optimizer ?? { kind: 'adamw' })
  const notes = [...refused.map(({ node, reason }) => `"${node}" stays as it is: ${reason}`), ...withoutRule(student)]
  return { step, layouts, notes }
}

/** Nodes whose weights were not asked to learn, since nothing can be said of their gradient. */
function withoutRule({ graph }: Model): readonly string[] {
  const isKernel = (name: string) => {
    const tensor = graph.initializers.get(name)
    return tensor?.dtype === 'float32' && tensor.dims.length > 1
  }
  return graph.nodes
    .filter((node) => !Object.hasOwn(gradientRules, operatorName(node)) && node.inputs.some(isKernel))
    .map((node) => `the weights of "${nodeLabel(node)}" stay as they are: ${operatorName(node)} has no gradient rule`)
}
