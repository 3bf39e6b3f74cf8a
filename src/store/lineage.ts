import type { Model } from '../ir/index.ts'
import { modelDigest } from '../onnx/index.ts'
import { sha256 } from '../platform/index.ts'
import { advance, startTrail } from '../recipe/index.ts'
import { canonicalJson, type Recipe, type Report, WHETSTONE_VERSION } from '../report/index.ts'
import { diffModels } from './diff-models.ts'
import { damaged, isDigest, parseJson } from './oci.ts'

/** Where a version comes from, and whether its recipe explains every difference. Kept with the version. */
export interface Lineage {
  readonly parent: Parent | null
  /** How many passes of which Whetstone; null where no recipe was given. */
  readonly recipe: { readonly steps: number; readonly whetstone: string } | null
  readonly explained: Explained
  /** Differences that no pass of the recipe explains. */
  readonly edits: readonly string[]
}

export interface Parent {
  /** Its digest in a store; null where it never was in one, and only the model's own digest is known. */
  readonly version: string | null
  readonly name: string | null
  readonly modelDigest: string
}

/**
 * `original`: no parent. `replayed`: the passes of the recipe, run on the parent, gave these bytes. `unexplained`:
 * they did not, or there are none. `unchecked`: the parent was not at hand.
 */
export type Explained = 'original' | 'replayed' | 'unexplained' | 'unchecked'

export const NO_LINEAGE: Lineage = { parent: null, recipe: null, explained: 'original', edits: [] }

/**
 * Replays the recipe on the parent and compares. Every pass is pure, so either the same bytes come out, or the edits
 * that the recipe does not speak of are named.
 */
export async function explain(
  parent: Model,
  recipe: Recipe | null,
  child: Model,
): Promise<Pick<Lineage, 'explained' | 'edits'>> {
  const wanted = modelDigest(child)
  if (modelDigest(parent) === wanted) return { explained: 'replayed', edits: [] }
  if (!recipe) return { explained: 'unexplained', edits: diffModels(parent, child) }
  const replayed = await replay(parent, recipe)
  if ('problem' in replayed) return { explained: 'unexplained', edits: [replayed.problem] }
  if (modelDigest(replayed.model) === wanted) return { explained: 'replayed', edits: [] }
  const edits = diffModels(replayed.model, child)
  return {
    explained: 'unexplained',
    edits:
      edits.length > 0
        ? edits
        : ['the bytes differ in a field that has no meaning for answers, such as a name or comment'],
  }
}

async function replay(parent: Model, recipe: Recipe): Promise<{ model: Model } | { problem: string }> {
  const first = recipe.steps[0]
  if (first && first.input !== modelDigest(parent))
    return { problem: `the recipe starts from ${first.input}, and the parent is ${modelDigest(parent)}` }
  let trail = startTrail(parent)
  for (const [i, step] of recipe.steps.entries()) {
    const name = `step ${i + 1} of the recipe (${step.pass})`
    const evidence: { report: Report }[] = []
    for (const digest of step.evidence) {
      const report = recipe.evidence[digest] as Report | undefined
      if (!report) return { problem: `${name} has lost its evidence ${digest}` }
      if (sha256(canonicalJson(report)) !== digest) return { problem: `${name}: its evidence ${digest} was changed` }
      evidence.push({ report })
    }
    try {
      trail = await advance(trail, { pass: step.pass, options: step.options, evidence })
    } catch (error) {
      return { problem: `${name} does not run: ${(error as Error).message}` }
    }
    const output = modelDigest(trail.model)
    if (output === step.output) continue
    const other =
      recipe.whetstone === WHETSTONE_VERSION
        ? ''
        : ` (made by Whetstone ${recipe.whetstone}, this is ${WHETSTONE_VERSION})`
    return { problem: `${name} gives ${output}, and the recipe says ${step.output}${other}` }
  }
  return { model: trail.model }
}

/** A lineage of untrusted bytes. UserError `bad-data`. */
export function parseLineage(bytes: Uint8Array, where: string): Lineage {
  const value = parseJson(bytes, where) as Partial<Lineage> | null
  const known: readonly unknown[] = ['original', 'replayed', 'unexplained', 'unchecked'] satisfies Explained[]
  const parent = value?.parent
  const sound =
    known.includes(value?.explained) &&
    Array.isArray(value?.edits) &&
    (parent === null ||
      (typeof parent === 'object' &&
        isDigest(parent.modelDigest) &&
        (parent.version === null || isDigest(parent.version))))
  if (!sound) throw damaged('the lineage is damaged', where)
  return value as Lineage
}
