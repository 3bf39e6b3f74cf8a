import type { Model } from '../ir/index.ts'
import { modelBytes, modelDigest, upgradeOpset } from '../onnx/index.ts'
import { passes } from '../passes/index.ts'
import { sha256, UserError } from '../platform/index.ts'
import {
  canonicalJson,
  type ModelSize,
  type PassRun,
  type Recipe,
  type RecipeStep,
  type Report,
  WHETSTONE_VERSION,
} from '../report/index.ts'
import type { Evidence, ParallelMap, Pass } from '../rewrite/index.ts'

/** A pass to run: its id in the registry, its options, and what it may know about the model. */
export interface Step {
  readonly pass: string
  readonly options?: unknown
  readonly evidence?: readonly Evidence[]
}

/** A model on its way, with everything that was done to it since the file was read. */
export interface Trail {
  readonly model: Model
  readonly runs: readonly PassRun[]
  readonly steps: readonly RecipeStep[]
  readonly evidence: Readonly<Record<string, Report>>
}

/** Every pass that a recipe may name; the opset upgrade lives in the `onnx` room and joins here. */
const registry: Readonly<Record<string, Pass<never>>> = {
  ...(passes as Readonly<Record<string, Pass<never>>>),
  upgradeOpset: {
    id: 'upgradeOpset',
    summary: 'raises the standard operator set, so that newer and faster operators may be used',
    run: (model, options: { target?: number }) => upgradeOpset(model, options?.target),
  } satisfies Pass<{ target?: number }> as Pass<never>,
}

export const startTrail = (model: Model): Trail => ({ model, runs: [], steps: [], evidence: {} })

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
  const options = step.options ?? {}
  const { model, report } = await pass.run(trail.model, options as never, step.evidence ?? [], map)
  const runs = [...trail.runs, Object.keys(options).length > 0 ? { ...report, options } : report]
  if (model === trail.model) return { ...trail, runs }
  const digests = (step.evidence ?? []).map((item) => [evidenceDigest(item.report), item.report] as const)
  const record: RecipeStep = {
    pass: step.pass,
    options,
    evidence: digests.map(([digest]) => digest),
    input: modelDigest(trail.model),
    output: modelDigest(model),
  }
  return {
    model,
    runs,
    steps: [...trail.steps, record],
    evidence: { ...trail.evidence, ...Object.fromEntries(digests) },
  }
}

export async function advanceAll(trail: Trail, steps: readonly Step[], map?: ParallelMap): Promise<Trail> {
  let current = trail
  for (const step of steps) current = await advance(current, step, map)
  return current
}

/** `sha256:` of a report: what a recipe calls its evidence by. */
function evidenceDigest(report: Report): string {
  return sha256([new TextEncoder().encode(canonicalJson(report))])
}

export function recipeOf(trail: Trail): Recipe {
  return { kind: 'recipe', version: 1, whetstone: WHETSTONE_VERSION, steps: trail.steps, evidence: trail.evidence }
}

/** Nodes of the whole model, nested graphs' included, its encoded bytes and its digest. */
export function sizeOf(model: Model): ModelSize {
  return { nodes: countNodes(model), bytes: modelBytes(model), digest: modelDigest(model) }
}

function countNodes(model: Model): number {
  const count = (nodes: Model['graph']['nodes']): number =>
    nodes.reduce((sum, node) => {
      let nested = 0
      for (const attribute of node.attributes.values()) {
        if (attribute.type === 'graph') nested += count(attribute.value.nodes)
        if (attribute.type === 'graphs') for (const graph of attribute.value) nested += count(graph.nodes)
      }
      return sum + 1 + nested
    }, 0)
  return count(model.graph.nodes)
}
