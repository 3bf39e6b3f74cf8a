import type { TensorValue } from '../../engine/index.ts'
import { isFloating } from '../../ir/index.ts'
import { UserError } from '../../platform/index.ts'
import { midRanks } from '../../statistics/index.ts'
import { numbersOf } from '../outputs/row-outputs.ts'
import type { Company, Metric, MetricRow } from './metric.ts'
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
 * has its label. Rows whose label no other row has cannot be right. Ties go to the earlier row. Rows that are near each
 * other are right and wrong together: what a row leans on are its k neighbours.
 */
export function recallAt(k: number, options: EmbeddingOptions = {}): Metric {
  const names = new Map<string, number>()
  const numberOf = (label: MetricRow['label'], row: number) => {
    if (typeof label === 'number') return label
    if (typeof label !== 'string') throw noLabel(row)
    if (!names.has(label)) names.set(label, -1 - names.size)
    return names.get(label)!
  }
  // Scores and company need the same ones: they are kept by the vectors that they were found for.
  const known = new WeakMap<readonly number[], readonly (readonly number[])[]>()
  const neighboursIn = (all: readonly (readonly number[])[]) =>
    all.map((own, i) => {
      const found = known.get(own) ?? nearest(own, i, all, k + 1)
      known.set(own, found)
      return found
    })
  return {
    name: `recall@${k}`,
    higherIsBetter: true,
    rightOrWrong: true,
    bounds: [0, 1],
    unit: 'points',
    // Alone a row has no neighbours; `scoreAll` knows them.
    score: () => 0,
    summary: (row) => [numberOf(row.label, row.row), ...unitVector(row, options)],
    scoreAll: (summaries) => {
      const neighbours = neighboursIn(summaries)
      return summaries.map((own, i) =>
        own.some(Number.isNaN) ? Number.NaN : neighbours[i]!.slice(0, k).some(([label]) => label === own[0]) ? 1 : 0,
      )
    },
    company: (summaries) => companyOf(summaries, neighboursIn(summaries), k),
  }
}

/** So many rows as are most like the one at this place. */
function nearest(own: readonly number[], place: number, all: readonly (readonly number[])[], count: number) {
  const best: { readonly likeness: number; readonly row: readonly number[] }[] = []
  for (const [i, row] of all.entries()) {
    if (i === place) continue
    let likeness = 0
    for (let a = 1; a < own.length; a++) likeness += own[a]! * row[a]!
    // A row of NaN is nobody's neighbour.
    if (Number.isNaN(likeness) || (best.length === count && likeness <= best[count - 1]!.likeness)) continue
    let at = best.length
    while (at > 0 && best[at - 1]!.likeness < likeness) at--
    best.splice(at, 0, { likeness, row })
    if (best.length > count) best.pop()
  }
  return best.map(({ row }) => row)
}

/** Of each row the k neighbours, and the one without which the row behind them would take its place and be none of it. */
function companyOf(
  rows: readonly (readonly number[])[],
  neighbours: readonly (readonly (readonly number[])[])[],
  k: number,
): readonly Company[] {
  const places = new Map(rows.map((row, i) => [row, i]))
  return rows.map((own, i) => {
    const alike = neighbours[i]!.filter(([label]) => label === own[0])
    return {
      near: neighbours[i]!.slice(0, k).flatMap((row) => places.get(row) ?? []),
      only: alike.length === 1 && alike[0] !== neighbours[i]![k] ? (places.get(alike[0]!) ?? null) : null,
    }
  })
}

/** The embedding scaled to length 1; NaN throughout where it holds a number that is not finite. */
function unitVector({ outputs }: MetricRow, { output }: EmbeddingOptions): readonly number[] {
  const isVector = (value: TensorValue) => isFloating(value.dtype) && value.data.length > 1
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
