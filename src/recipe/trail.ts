import { allNodes, type Model } from '../ir/index.ts'
import {
  lowerOpset,
  modelBytes,
  modelDigest,
  OLDEST_OPSET,
  oldestRuntime,
  TARGET_OPSET,
  upgradeOpset,
} from '../onnx/index.ts'
import { passes, SETTLE } from '../passes/index.ts'
import { letOthersRun, sha256, UserError } from '../platform/index.ts'
import {
  canonicalJson,
  exactly,
  integer,
  type ModelSize,
  optional,
  type PassRun,
  type Recipe,
  type RecipeStep,
  type Report,
  WHETSTONE_VERSION,
  within,
} from '../report/index.ts'
import type { Evidence, ParallelMap, Pass } from '../rewrite/index.ts'

/** A pass to run: its id in the registry, its options, and what it may know about the model. */
export interface Step {
  readonly pass: string
  readonly options?: unknown
  readonly evidence?: readonly Evidence[]
}

/** A step that changed something, between the models before and after it. */
interface Stride {
  readonly step: Pick<RecipeStep, 'pass' | 'options'>
  readonly evidence: readonly Report[]
  readonly input: Digested
  readonly output: Digested
}

/** A model, with everything that was done to it since its file was read. */
export interface Trail {
  readonly model: Model
  readonly runs: readonly PassRun[]
  readonly strides: readonly Stride[]
  /** Passes that are skipped from here on, because they were seen to change answers of this model. */
  readonly without: LeftOut
}

/** Ids of passes. */
export type LeftOut = ReadonlySet<string>

interface UpgradeOptions {
  readonly target?: number
}

const NONE: LeftOut = new Set()

/** Every pass that a recipe may name; the steps between operator sets live in the `onnx` room and join here. */
const registry: Readonly<Record<string, Pass<never>>> = {
  ...passes,
  upgradeOpset: {
    id: 'upgradeOpset',
    summary: 'raises the standard operator set, so that newer and faster operators may be used',
    options: exactly<UpgradeOptions>({ target: optional(within(integer, OLDEST_OPSET, TARGET_OPSET)) }),
    run: (model, { target }) => upgradeOpset(model, target),
  } satisfies Pass<UpgradeOptions>,
  lowerOpset: {
    id: 'lowerOpset',
    summary:
      'declares an older operator set, which more releases of the runtime take, where nothing needs the newer one',
    run: (model) => lowerOpset(model),
  } satisfies Pass,
}

/** A model to which nothing has been done yet. */
export const startTrail = (model: Model, without: LeftOut = NONE): Trail => ({ model, runs: [], strides: [], without })

/** The pass with this id. An unknown one is a UserError: recipes come from files. */
export function passById(id: string): Pass<never> {
  const pass = Object.hasOwn(registry, id) ? registry[id] : undefined
  if (!pass)
    throw new UserError('bad-argument', `there is no pass "${id}"`, {
      where: 'recipe',
      hint: `this version knows: ${Object.keys(registry).sort().join(', ')}`,
    })
  return pass
}

/** Runs one more step. Steps that change nothing stay in the runs and leave no trace in the recipe. */
export async function advance(trail: Trail, step: Step, map?: ParallelMap): Promise<Trail> {
  const pass = passById(step.pass)
  if (trail.without.has(step.pass)) return trail
  const options = optionsOf(step, trail.without)
  const { model, report } = await pass.run(trail.model, options as never, step.evidence ?? [], map)
  const runs = [...trail.runs, Object.keys(options).length > 0 ? { ...report, options } : report]
  if (model === trail.model) return { ...trail, runs }
  const stride: Stride = {
    step: { pass: step.pass, options },
    evidence: (step.evidence ?? []).map(({ report }) => report),
    input: trail.strides.at(-1)?.output ?? new Digested(trail.model),
    output: new Digested(model),
  }
  return { ...trail, model, runs, strides: [...trail.strides, stride] }
}

/** A pass that repeats others must leave out the same ones. */
const optionsOf = ({ pass, options = {} }: Step, without: LeftOut): object =>
  pass === SETTLE && without.size > 0 ? { ...(options as object), without: [...without] } : (options as object)

/** Runs steps one after the other, and lets the event loop go on between two of them. */
export async function advanceAll(trail: Trail, steps: readonly Step[], map?: ParallelMap): Promise<Trail> {
  let current = trail
  for (const step of steps) {
    current = await advance(current, step, map)
    await letOthersRun()
  }
  return current
}

/** `sha256:` of a report, by which a recipe refers to it. */
export function evidenceDigest(report: Report): string {
  return sha256(canonicalJson(report))
}

/** Digests every model of the trail for its recipe, and lets the event loop go on between two of them. */
export async function digestAll({ strides }: Trail): Promise<void> {
  for (const { output } of strides) {
    output.settle()
    await letOthersRun()
  }
}

/**
 * The trail as a recipe. This digests every model along it and frees those between its ends, so a trail that is kept
 * for long should be asked for its recipe soon.
 */
export function recipeOf({ strides }: Trail): Recipe {
  const evidence: Record<string, Report> = {}
  const steps = strides.map(({ step, evidence: reports, input, output }): RecipeStep => {
    const digests = reports.map((report) => {
      const digest = evidenceDigest(report)
      evidence[digest] = report
      return digest
    })
    return { ...step, evidence: digests, input: input.digest, output: output.digest }
  })
  const recipe = { kind: 'recipe', version: 1, whetstone: WHETSTONE_VERSION, steps, evidence } as const
  return { ...recipe, seal: sealOf(recipe) }
}

/** Digest of what the evidence's own digests do not cover in a recipe. */
export const sealOf = ({ whetstone, steps }: Pick<Recipe, 'whetstone' | 'steps'>): string =>
  sha256(canonicalJson({ whetstone, steps }))

/**
 * A model that is digested only on demand, and held until then. Encoding every model of a trail took a sixth of the
 * processor time of `whet quantize`, which needs just the first and the last digest unless it writes a recipe.
 */
class Digested {
  #model: Model | null
  #digest = ''

  constructor(model: Model) {
    this.#model = model
  }

  settle(): void {
    if (this.#model) this.#digest = modelDigest(this.#model)
    this.#model = null
  }

  get digest(): string {
    this.settle()
    return this.#digest
  }
}

/** Nodes of the whole model, nested graphs' included, its encoded bytes and its digest. */
export function sizeOf(model: Model): ModelSize {
  return {
    nodes: [...allNodes(model.graph)].length,
    bytes: modelBytes(model),
    digest: modelDigest(model),
    runtime: oldestRuntime(model),
  }
}
