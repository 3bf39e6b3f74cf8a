import { join } from 'node:path'
import { writeModel } from '../onnx/index.ts'
import { makeFolder, withLock, writeAtomic } from '../platform/index.ts'
import type { Optimized } from '../search/index.ts'
import { renderHtml } from '../view/index.ts'

/** Makes the folder and keeps others out of it while `work` runs. */
export async function prepareFolder<T>(folder: string, work: () => Promise<T>): Promise<T> {
  makeFolder(folder)
  return withLock(folder, work)
}

/** Writes everything that `optimize` promises; the report last, so that a folder with a report is whole. */
export async function writeOptimized(folder: string, { model, report, recipe, candidates }: Optimized): Promise<void> {
  const shelf = join(folder, 'candidates')
  makeFolder(shelf)
  for (const candidate of candidates) {
    await writeModel(candidate.model, join(shelf, `${candidate.id}.onnx`))
    await writeAtomic(join(shelf, `${candidate.id}.recipe.json`), `${JSON.stringify(candidate.recipe)}\n`)
  }
  await writeModel(model, join(folder, 'model.onnx'))
  await writeAtomic(join(folder, 'recipe.json'), `${JSON.stringify(recipe, null, 1)}\n`)
  await writeAtomic(join(folder, 'report.html'), renderHtml(report))
  await writeAtomic(join(folder, 'report.json'), `${JSON.stringify(report, null, 1)}\n`)
}
