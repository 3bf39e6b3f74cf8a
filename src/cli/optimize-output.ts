import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { writeModel } from '../onnx/index.ts'
import { explainSystemError, withLock, writeAtomic } from '../platform/index.ts'
import type { Optimized } from '../search/index.ts'
import { renderHtml } from '../view/index.ts'

/** Makes the folder and keeps others out of it while `work` runs. */
export async function prepareFolder<T>(folder: string, work: () => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true }).catch((error) => {
    throw explainSystemError(error, folder, 'write')
  })
  return withLock(folder, work)
}

/** Writes everything that `optimize` promises; the report last, so that a folder with a report is whole. */
export async function writeOptimized(folder: string, { model, report, recipe, candidates }: Optimized): Promise<void> {
  const shelf = join(folder, 'candidates')
  await mkdir(shelf, { recursive: true }).catch((error) => {
    throw explainSystemError(error, shelf, 'write')
  })
  for (const candidate of candidates) {
    await writeModel(candidate.model, join(shelf, `${candidate.id}.onnx`))
    await writeAtomic(join(shelf, `${candidate.id}.recipe.json`), `${JSON.stringify(candidate.recipe)}\n`)
  }
  await writeModel(model, join(folder, 'model.onnx'))
  await writeAtomic(join(folder, 'recipe.json'), `${JSON.stringify(recipe, null, 1)}\n`)
  await writeAtomic(join(folder, 'report.html'), renderHtml(report))
  await writeAtomic(join(folder, 'report.json'), `${JSON.stringify(report, null, 1)}\n`)
}
