import type { Model, NumericArray } from '../ir/index.ts'
import { modelDigest } from '../onnx/index.ts'
import { applyRecipe } from '../recipe/index.ts'
import type { Recipe } from '../report/index.ts'
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

/** The version that another was made from. */
export interface Parent {
  /** Its digest in a store; null where it never was in one, and only the model's own digest is known. */
  readonly version: string | null
  readonly name: string | null
  readonly modelDigest: string
}

/**
 * `original`: no parent. `replayed`: the passes of the recipe, run on the parent, gave these bytes. `unexplained`:
 * they did not, or there are none. `unchecked`: the parent was not at hand, or only reports
 * on the making tell of it, without a recipe.
 */
export type Explained = 'original' | 'replayed' | 'unexplained' | 'unchecked'

export const NO_LINEAGE: Lineage = { parent: null, recipe: null, explained: 'original', edits: [] }

/**
 * Replays the recipe on the parent (with the `tensors` that its evidence refers to) and compares. Every pass is pure,
 * so either the same bytes come out, or the edits that the recipe does not speak of are named.
 */
export async function explain(
  parent: Model,
  recipe: Recipe | null,
  child: Model,
  tensors?: ReadonlyMap<string, NumericArray>,
): Promise<Pick<Lineage, 'explained' | 'edits'>> {
  const wanted = modelDigest(child)
  if (modelDigest(parent) === wanted) return { explained: 'replayed', edits: [] }
  if (!recipe) return { explained: 'unexplained', edits: diffModels(parent, child) }
  const replayed = await replay(parent, recipe, tensors)
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

async function replay(
  parent: Model,
  recipe: Recipe,
  tensors: ReadonlyMap<string, NumericArray> | undefined,
): Promise<{ model: Model } | { problem: string }> {
  const first = recipe.steps[0]
  if (first && first.input !== modelDigest(parent))
    return { problem: `the recipe starts from ${first.input}, and the parent is ${modelDigest(parent)}` }
  try {
    return await applyRecipe(recipe, parent, { tensors })
  } catch (error) {
    // A recipe comes from outside: whatever it makes a pass do is the recipe's problem.
    return { problem: `the recipe does not run: ${(error as Error).message.replace(/^internal: /, '')}` }
  }
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
