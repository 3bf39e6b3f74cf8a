import { arrayTypeOf, type DType, type NumericArray } from '../ir/index.ts'
import { makeFolder, readFileBytes, sha256, UserError, writeFilesAtomic } from '../platform/index.ts'
import { canonicalJson, type Recipe, type Report, type TensorRef } from '../report/index.ts'
import { tensorRefsOf } from './tensor-refs.ts'

/** The folder beside a recipe that holds what its evidence refers to: `recipe.blobs` beside `recipe.json`. */
export const blobFolder = (recipePath: string): string => `${recipePath.replace(/\.json$/i, '')}.blobs`

const blobPath = (folder: string, { digest }: TensorRef) => `${folder}/${digest.replace('sha256:', '')}.bin`

/** Every tensor that a recipe's evidence refers to. */
function refsOf(recipe: Recipe): readonly TensorRef[] {
  return Object.values(recipe.evidence).flatMap((evidence) => tensorRefsOf(evidence as Report))
}

/**
 * Writes a recipe, and beside it the tensors that its evidence refers to, each a file of raw little-endian elements
 * named by its digest. The recipe takes its name last. Equal recipes give equal bytes: evidence out of the cache has its
 * fields in another order than what was just measured.
 */
export async function writeRecipe(
  recipe: Recipe,
  tensors: ReadonlyMap<string, NumericArray>,
  path: string,
): Promise<void> {
  const folder = blobFolder(path)
  const files = refsOf(recipe).map((ref) => {
    const held = tensors.get(ref.digest)
    if (!held) throw new Error(`internal: the recipe refers to ${ref.digest}, which nobody holds`)
    return [blobPath(folder, ref), new Uint8Array(held.buffer, held.byteOffset, held.byteLength)] as const
  })
  if (files.length > 0) makeFolder(folder)
  const evidence = JSON.parse(canonicalJson(recipe.evidence))
  await writeFilesAtomic([...files, [path, `${JSON.stringify({ ...recipe, evidence }, null, 2)}\n`]])
}

/**
 * The tensors of a recipe that stand beside it; those that are not there are left out.
 *
 * @throws UserError `bad-data` for a file whose digest is not its name.
 */
export async function readBlobs(recipe: Recipe, recipePath: string): Promise<ReadonlyMap<string, NumericArray>> {
  const folder = blobFolder(recipePath)
  const tensors = new Map<string, NumericArray>()
  for (const ref of refsOf(recipe)) {
    const path = blobPath(folder, ref)
    const bytes = await readFileBytes(path).catch((error) => {
      if (error instanceof UserError && error.code === 'missing-file') return null
      throw error
    })
    if (!bytes) continue
    if (sha256(bytes) !== ref.digest)
      throw new UserError('bad-data', `${path} is damaged: its digest is not its name`, {
        where: path,
        hint: 'copy it again from where it was made; or take it away: with --data what was measured is measured again, what was learned is not',
      })
    tensors.set(ref.digest, new (arrayTypeOf(ref.dtype as DType))(bytes.slice().buffer))
  }
  return tensors
}
