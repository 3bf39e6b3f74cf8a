import { type Dataset, spreadRows } from '../../data/index.ts'
import type { Model, NumericArray } from '../../ir/index.ts'
import { readWindows } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import type { Evidence } from '../../rewrite/index.ts'
import { tensorRefsOf } from '../tensor-refs.ts'
import { observeMoments } from './moments.ts'

/**
 * Evidence of a recipe with the numbers that it refers to: those that are at hand, else measured again on `data`, which
 * for the recipe's own model (`own`) must give what it gave.
 *
 * @throws UserError where the numbers are neither at hand nor can be measured, or come out differently.
 */
export async function withTensors(
  evidence: readonly Evidence[],
  model: Model,
  own: boolean,
  options: { readonly data?: Dataset | undefined; readonly tensors?: ReadonlyMap<string, NumericArray> | undefined },
): Promise<readonly Evidence[]> {
  const whole: Evidence[] = []
  for (const item of evidence) {
    const { report } = item
    const refs = tensorRefsOf(report)
    if (refs.length === 0) {
      whole.push(item)
      continue
    }
    if (own && options.tensors && refs.every(({ digest }) => options.tensors!.has(digest))) {
      whole.push({ report, tensors: options.tensors })
      continue
    }
    if (report.kind !== 'moments')
      throw new UserError('bad-argument', 'the recipe refers to what was learned, and that is not beside it', {
        where: 'recipe',
        hint: 'keep the .blobs folder beside the recipe, or make it again',
      })
    if (!options.data)
      throw new UserError('bad-argument', 'the recipe refers to numbers that are not beside it', {
        where: 'recipe',
        hint: 'keep the .blobs folder beside the recipe, or give the rows again with --data',
      })
    const rows = spreadRows(options.data, undefined, report.samples + (report.judged ?? 0)).slice(0, report.samples)
    const windows = report.windows && readWindows(model).filter(({ weight }) => weight in report.windows!)
    const again = await observeMoments(model, options.data, rows, { windows })
    if (own && refs.some(({ digest }) => !again.tensors.has(digest)))
      throw new UserError('bad-data', 'measured again, the evidence is another: these are not the same rows', {
        where: '--data',
        hint: 'give the rows that the recipe was made with, or keep the .blobs folder beside it',
      })
    const { judged } = report
    whole.push(judged === undefined ? again : { ...again, report: { ...again.report, judged } })
  }
  return whole
}
