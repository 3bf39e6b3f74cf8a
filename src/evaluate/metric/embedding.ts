import type { TensorValue } from '../../engine/index.ts'
import { UserError } from '../../platform/index.ts'
import { midRanks } from '../../statistics/index.ts'
import { numbersOf } from '../row-outputs.ts'
import type { Metric, MetricRow } from './metric.ts'
import { spearman } from './ranked-scores.ts'
import { outputsOfSize } from './regression.ts'

export interface EmbeddingOptions {
  /**
   * The output that is the embedding; where omitted, the first floating one that is a single vector a row (beside
   * token_embeddings, a pooled sentence_embedding), else the first of more than one number.
   */
  readonly output?: string
}

/**
 * Recall at k: a row counts as right where one of its k nearest neighbours (by cosine, itself left out) among all rows
 * has its label. Rows whose label no other row has cannot be right. Ties go to the earlier row.
 */
export function recallAt(k: number, options: EmbeddingOptions = {}): Metric {
  const names = new Map<string, number>()
  const numberOf = (label: MetricRow['label'], row: number) => {
    if (typeof label === 'number') return label
    if (typeof label !== 'string') throw noLabel(row)
    if (!names.has(label)) names.set(label, -1 - names.size)
    return names.get(label)!
  }
  return {
    name: `recall@${k}`,
    higherIsBetter: true,
    rightOrWrong: true,
    bounds: [0, 1],
    unit: 'points',
    // Alone a row has no neighbours; `scoreAll` knows them.
    score: () => 0,
    summary: (row) => [numberOf(row.label, row.row), ...unitVector(row, options)],
    scoreAll: (summaries) =>
      summaries.map((own, i) => (own.some(Number.isNaN) ? Number.NaN : isFound(own, i, summaries, k) ? 1 : 0)),
  }
}

function isFound(own: readonly number[], place: number, all: readonly (readonly number[])[], k: number): boolean {
  const best: { readonly likeness: number; readonly label: number }[] = []
  for (const [i, other] of all.entries()) {
    if (i === place) continue
    let likeness = 0
    for (let a = 1; a < own.length; a++) likeness += own[a]! * other[a]!
    // A row of NaN is nobody's neighbour.
    if (Number.isNaN(likeness) || (best.length === k && likeness <= best[k - 1]!.likeness)) continue
    let at = best.length
    while (at > 0 && best[at - 1]!.likeness < likeness) at--
    best.splice(at, 0, { likeness, label: other[0]! })
    if (best.length > k) best.pop()
  }
  return best.some(({ label }) => label === own[0])
}

/** The embedding scaled to length 1; NaN throughout where it holds a number that is not finite. */
function unitVector({ outputs }: MetricRow, { output }: EmbeddingOptions): readonly number[] {
  const isVector = (value: TensorValue) => value.dtype.startsWith('float') && value.data.length > 1
  const candidates = Object.entries(outputs).filter(([name, value]) => (output ? name === output : isVector(value)))
  const found = candidates.find(([, { dims }]) => dims.length === 1) ?? candidates[0]
  if (!found)
    throw new UserError('bad-argument', `no output of the model is an embedding${output ? ` named "${output}"` : ''}`, {
      where: Object.keys(outputs).join(', '),
      hint: 'an embedding is a floating output of more than one number a row',
    })
  const numbers = Array.from(numbersOf(found[1]))
  const norm = Math.sqrt(numbers.reduce((sum, value) => sum + value * value, 0))
  if (!Number.isFinite(norm)) return numbers.map(() => Number.NaN)
  return norm > 0 ? numbers.map((value) => value / norm) : numbers
}

/**
 * Spearman's rank correlation of a single predicted number (a similarity, a grade) with the label. A row's own score is
 * how near the two are.
 */
export function rankCorrelation(options: EmbeddingOptions = {}): Metric {
  const pair = ({ outputs, label, row }: MetricRow): readonly [number, number] => {
    if (typeof label !== 'number') throw noLabel(row)
    const found = outputsOfSize(outputs, 1).find(([name]) => !options.output || name === options.output)
    if (!found || found[1].dtype === 'string')
      throw new UserError('bad-argument', 'no output of the model is one number a row', {
        where: Object.keys(outputs).join(', '),
        hint: 'a rank correlation compares one predicted number with the label',
      })
    return [Number(numbersOf(found[1])[0]), label]
  }
  return {
    name: 'spearman',
    higherIsBetter: true,
    rightOrWrong: false,
    score: (row) => {
      const [predicted, truth] = pair(row)
      return -Math.abs(predicted - truth)
    },
    summary: pair,
    // It is ranks that count.
    parts: (summaries) => Array.from(midRanks(summaries.map(([predicted]) => predicted!))),
    aggregate: (summaries) =>
      summaries.some(([predicted]) => !Number.isFinite(predicted!))
        ? Number.NaN
        : spearman(
            summaries.map(([predicted]) => predicted!),
            summaries.map(([, truth]) => truth!),
          ),
  }
}

const noLabel = (row: number) =>
  new UserError('bad-data', `the label of row ${row} is not one number or name`, { where: `row ${row}` })
