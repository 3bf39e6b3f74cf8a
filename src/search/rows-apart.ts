import { type Dataset, rowsApart, tellApart } from '../data/index.ts'
import { UserError } from '../platform/index.ts'
import type { OptimizeOptions } from './options.ts'

/** Sets of rows of their own, as the command names them. */
type OwnSets = Pick<OptimizeOptions, 'calibration' | 'proof' | 'trainData'>

/** What is left to judge and to prove by, and what a person should know of what is not. */
interface Apart {
  readonly data: Dataset
  readonly proof: Dataset | undefined
  readonly warnings: readonly string[]
}

/**
 * Rows are spent once: a set that is given for one purpose must not be that of another. What learned a row, or was
 * chosen by it, cannot be proven on it. Where sets share some of their rows, these judge and prove nothing.
 *
 * @throws UserError where two sets are one, or one holds all rows of another.
 */
export async function keepRowsApart(data: Dataset, { calibration, proof, trainData }: OwnSets): Promise<Apart> {
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
  const fitted = [calibration, trainData].filter((set) => set !== undefined)
  const judged = await apart(data, fitted, 'judge or prove')
  const proven = proof && (await apart(proof, [data, ...fitted], 'prove'))
  return { data: judged.data, proof: proven?.data, warnings: [...judged.warnings, ...(proven?.warnings ?? [])] }
}

/** The rows of a set that no other holds. */
async function apart(set: Dataset, others: readonly Dataset[], verb: string) {
  if (others.length === 0) return { data: set, warnings: [] }
  const result = await rowsApart(set, others)
  const names = others.map(({ path }) => `"${path}"`).join(' or ')
  if (result.data.rows === 0 && set.rows > 0)
    throw new UserError('bad-argument', `no row is left to ${verb} on: all of "${set.path}" stand in ${names}`, {
      where: set.path,
      hint: 'what a row calibrated, taught or chose cannot be proven on it: give sets that share no rows',
    })
  return { data: result.data, warnings: tellApart(result, verb, names) }
}
