import type { Dataset } from '../../data/index.ts'
import { ortNode } from '../../engine/index.ts'
import { type Moments, measureMoments } from '../../evaluate/index.ts'
import type { Model } from '../../ir/index.ts'
import { momentValues, type ReadWindows } from '../../passes/index.ts'
import type { Watched } from '../meter.ts'

/** Moments of what the products of this model read on these rows, and of these windows. */
export async function observeMoments(
  model: Model,
  data: Dataset,
  rows: readonly number[],
  { windows, signal, onProgress: say }: Watched & { readonly windows?: readonly ReadWindows[] | undefined },
): Promise<Moments> {
  say?.('looking at what the products read')
  // In this process, as for ranges: inner values of every row would double the time on their way between two.
  const session = await ortNode.open(model)
  try {
    return await measureMoments(session, data, {
      names: momentValues(model),
      gram: true,
      ...(windows ? { windows } : {}),
      samples: rows.length,
      indices: rows,
      signal,
      onRow: (done, of) => say?.(`looking at what the products read: row ${done} of ${of}`),
    })
  } finally {
    await session.close()
  }
}
