import { leftUnseen, omittedOutputs } from '../engine/index.ts'
import { allNodes, type Model } from '../ir/index.ts'
import { newestRunning, opsetFor, TARGET_OPSET } from '../onnx/index.ts'
import { simplifyPasses, UNDO_ALL, UNDO_EACH_RUN } from '../passes/index.ts'
import type { Recipe, RewriteReport } from '../report/index.ts'
import { lostInputs } from './lost-inputs.ts'
import { proveEqual } from './proof/prove-equal.ts'
import { provenTrail } from './proof/proven-trail.ts'
import type { SampleOptions } from './proof/samples.ts'
import { advance, advanceAll, type LeftOut, recipeOf, type Step, sizeOf, startTrail, type Trail } from './trail.ts'

export interface SimplifyOptions extends SampleOptions {
  /** Run both models and compare; on unless false. */
  readonly verify?: boolean | undefined
}

/** The model that lossless passes made, and what proves it. */
export interface Simplified {
  readonly model: Model
  readonly report: RewriteReport
  /** Made when it is asked for: it takes the digest of every model on the way. */
  readonly recipe: Recipe
}

/** Every lossless pass. */
export const losslessSteps: readonly Step[] = simplifyPasses.map((pass) => ({ pass: pass.id }))

/**
 * Opset upgrade and every lossless pass, nothing run. `plain`: weights that are stored as bits become plain ones first,
 * for passes that must see them. `without`: passes that are left out.
 */
export async function losslessTrail(
  model: Model,
  { plain = 'plain', without }: { readonly plain?: 'plain' | 'as stored'; readonly without?: LeftOut | undefined } = {},
): Promise<Trail> {
  const target = opsetFor(model)
  const cleaned = await advanceAll(startTrail(model, without), [
    { pass: 'upgradeOpset', ...(target === TARGET_OPSET ? {} : { options: { target } }) },
    ...(plain === 'plain' ? [{ pass: 'readSparseWeights' }] : []),
  ])
  return advanceAll(cleaned, [...losslessSteps, { pass: 'lowerOpset' }])
}

/**
 * The way to a model that rounds nothing in a run: float32 where values were float16 or rounded to integers, with ranges
 * of each run or, with `all`, with any. The same trail where there is nothing of the kind. Answers change by as much as
 * those roundings did to them. Where products are float64, float32 as well: answers change by its 24 bits.
 */
export async function unroundedTrail(lossless: Trail, which: 'each run' | 'all'): Promise<Trail> {
  const undo = which === 'all' ? UNDO_ALL : UNDO_EACH_RUN
  const passes = multipliesInFloat64(lossless.model) ? [NARROW, ...undo] : undo
  const restored = await advanceAll(
    lossless,
    passes.map((pass) => ({ pass })),
  )
  return restored.model === lossless.model ? lossless : advanceAll(restored, losslessSteps)
}

const NARROW = 'narrowFloat64'

/** Whether a product reads weights of float64, as numpy and scikit-learn have them; a file may need it elsewhere. */
const multipliesInFloat64 = ({ graph }: Model): boolean =>
  graph.nodes.some(
    ({ opType, inputs }) =>
      PRODUCTS.has(opType) && inputs.some((name) => graph.initializers.get(name)?.dtype === 'float64'),
  )
const PRODUCTS: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose', 'MatMul', 'Gemm', 'LSTM', 'GRU', 'RNN'])

/** Whether float64 became float32 along this trail. */
export const wasNarrowed = ({ strides }: Trail): boolean => strides.some(({ step }) => step.pass === NARROW)

/**
 * PRelu in the operators that are faster than its kernel, where that leaves no more operators than the file had: what
 * came in pieces, as Keras and MTCNN write it, is not slower for having been one operator on the way.
 */
async function slopesInPieces(trail: Trail, original: Model): Promise<Trail> {
  const count = ({ graph }: Model) => [...allNodes(graph)].length
  const spread = await advance(trail, { pass: 'slopesAsProducts' })
  return count(spread.model) > count(original) ? trail : spread
}

/** The way to a model that can hold 4-bit types, which came with the newest operator set, where these are to be written. */
export async function readyFor(trail: Trail, { stored, pass = {} }: FewBits): Promise<Trail> {
  const old = (trail.model.opsets.get('') ?? TARGET_OPSET) < TARGET_OPSET
  const few = stored === true || pass.stored === true || pass.weightBits === 4
  return few && old && newestRunning(trail.model) === TARGET_OPSET ? advance(trail, { pass: 'upgradeOpset' }) : trail
}

interface FewBits {
  readonly stored?: boolean | undefined
  readonly pass?: Readonly<Record<string, unknown>> | undefined
}

/**
 * Same answers from fewer operators. Runs the model before and after on random inputs, and on rows of `data` where
 * given, and reports the largest difference. A pass that changed an answer beyond 1e-3 absolute plus relative, or, where
 * the model's own rounding is more than that, a few times that, is left out, and a warning says so.
 *
 * @throws UserError `unsupported` where the model does not even agree with itself.
 */
export async function simplify(model: Model, options: SimplifyOptions = {}): Promise<Simplified> {
  const make = async (without?: LeftOut) =>
    slopesInPieces(await losslessTrail(model, { plain: 'as stored', without }), model)
  const { trail, equivalence, warnings } =
    options.verify === false
      ? { trail: await make(), equivalence: null, warnings: [] }
      : await provenTrail(model, make, (made) => proveEqual(model, made.model, options), options)
  const told = [
    ...warnings,
    ...lostInputs(model, trail.model),
    ...(equivalence ? leftUnseen(omittedOutputs(model)) : []),
  ]
  const report: RewriteReport = {
    kind: 'rewrite',
    version: 1,
    passes: trail.runs,
    before: sizeOf(model),
    after: sizeOf(trail.model),
    equivalence,
    ...(told.length > 0 ? { warnings: told } : {}),
  }
  return {
    model: trail.model,
    report,
    get recipe() {
      return recipeOf(trail)
    },
  }
}
