import type { Dataset } from '../data/index.ts'
import { openIsolated } from '../engine/index.ts'
import { type CompareOptions, compare } from '../evaluate/index.ts'
import type { Model } from '../ir/index.ts'
import type { ComparisonReport } from '../report/index.ts'
import { nameModels } from './name-models.ts'

/**
 * Is the candidate as good as the base on these rows? Both models run in processes of their own, so that a fault of
 * the runtime is a message and not the end. Hidden slices, gaps and the tail are looked for unless `deep` is false.
 */
export async function compareModels(
  base: Model | string,
  candidate: Model | string,
  data: Dataset,
  options: CompareOptions = {},
): Promise<ComparisonReport> {
  const first = await openIsolated(base)
  try {
    const second = await openIsolated(candidate)
    try {
      return nameModels(await compare(first, second, data, { deep: true, ...options }), base, candidate)
    } finally {
      await second.close()
    }
  } finally {
    await first.close()
  }
}
