import type { Dataset } from '../data/index.ts'
import { UserError } from '../platform/index.ts'
import type { OptimizeOptions } from './options.ts'

/** Sets of rows of their own, as the command names them. */
type OwnSets = Pick<OptimizeOptions, 'calibration' | 'proof' | 'trainData'>

/**
 * Rows are spent once: a set that is given for one purpose must not be that of another. What learned a row, or was
 * chosen by it, cannot be proven on it.
 *
 * @throws UserError where two sets are one.
 */
export async function keepRowsApart(data: Dataset, { calibration, proof, trainData }: OwnSets): Promise<void> {
  const judging = 'the rows that the search judges by'
  const pairs = [
    [proof, data, 'prove', judging, '--proof', 'without it, half of --data is kept for the proof'],
    [calibration, data, 'calibrate', judging, '--calibration', 'without it, a fifth of --data is kept for that'],
    [calibration, proof, 'calibrate', 'the rows that prove', '--calibration', 'ranges must not fit the proof'],
    [trainData, data, 'train', judging, '--train-data', 'what has learned a row cannot be proven on it'],
    [trainData, proof, 'train', 'the rows that prove', '--train-data', 'what has learned a row cannot be proven on it'],
  ] as const
  for (const [own, other, verb, what, flag, why] of pairs)
    if (own && other && (await own.digest()) === (await other.digest()))
      throw new UserError('bad-argument', `the rows to ${verb} on are ${what}`, {
        where: own.path,
        hint: `give other rows with ${flag}; ${why}`,
      })
}
