import type { MinedSlices } from '../../report/index.ts'
import { holm, meanAt, randomSource } from '../../statistics/index.ts'
import { judge } from '../judge/judge.ts'
import type { PairedScores } from '../judge/paired-scores.ts'
import { judgeSlices } from './slice-verdicts.ts'
import { type Slice, slicesOf } from './slices.ts'

/** Slices that go on to the testing half. */
const MOST_TESTED = 5
/** Rows that a slice needs in each half, and losses in the half that finds it. */
const FEWEST_ROWS = 10
const FEWEST_LOSSES = 3
/** Of two slices that share more of their rows than this, one is enough. */
const MOST_SHARED = 0.7
/** Pairs of fields that are looked at; a table of hundreds of columns has too many. */
const MOST_PAIRS = 300

interface MineInput {
  /** Values of every field, one a row. */
  readonly fields: ReadonlyMap<string, readonly (string | number)[]>
  /** Score of the candidate less that of the baseline, one a row, higher being better. */
  readonly gains: readonly number[]
  readonly clusters: readonly (string | number)[] | null
  readonly scoresOf: (rows: readonly number[]) => PairedScores
  readonly margin: number
  readonly alpha: number
  readonly seed: number
}

interface Found extends Slice {
  readonly score: number
}

/**
 * Weak groups that were not declared. One seeded half of the rows (of the clusters) is searched: every value or bin of
 * a field and every pair of two fields, for those whose loss stands out most from the rest,
 * (mean − mean of the slice) · √n / standard deviation. The five best go to the other half, which the search has not
 * seen, so that their p-values mean what they say; Holm corrects for the five. Without such a split the worst of many
 * small groups always looks bad.
 *
 * @returns null where a half has too few rows for any slice, or nothing differs.
 */
export function mineSlices(input: MineInput): MinedSlices | null {
  const { gains, scoresOf, margin, alpha, seed } = input
  const inDiscovery = halves(gains.length, input.clusters, seed)
  const discovery = gains.map((_, row) => row).filter((row) => inDiscovery[row])
  if (discovery.length < 2 * FEWEST_ROWS || gains.length - discovery.length < 2 * FEWEST_ROWS) return null
  const singles = [...input.fields].map(([field, values]) => slicesOf(field, values))
  const search = searched(singles, gains, inDiscovery, discovery)
  const tested = choose(search.found)
    .map((slice) => ({ ...slice, rows: slice.rows.filter((row) => !inDiscovery[row]) }))
    .filter(({ rows }) => rows.length >= FEWEST_ROWS)
  const verdicts = judgeSlices(tested, scoresOf, { alpha, seed, marginOf: () => margin, declared: new Set() })
  const judged = tested.map(({ rows }) => judge(scoresOf(rows), { margin, alpha, seed, resamples: 2_000 }))
  const adjusted = holm(judged.map(({ pWorse }) => pWorse))
  return {
    seed,
    discoveryRows: discovery.length,
    testRows: gains.length - discovery.length,
    searched: search.count,
    slices: tested.flatMap(({ name, rows }, i) => {
      const { base, candidate, delta, lowerBound } = judged[i]!
      if (![base, candidate, delta, lowerBound].every(Number.isFinite)) return []
      const { verdict } = verdicts[i]!
      return [{ name, n: rows.length, verdict, base, candidate, delta, lowerBound, adjustedP: adjusted[i]! }]
    }),
  }
}

function halves(rows: number, clusters: MineInput['clusters'], seed: number): readonly boolean[] {
  const random = randomSource(seed)
  if (!clusters) return Array.from({ length: rows }, () => random.uniform() < 0.5)
  const side = new Map([...new Set(clusters)].map((name) => [name, random.uniform() < 0.5]))
  return clusters.map((name) => side.get(name)!)
}

function searched(
  fields: readonly (readonly Slice[])[],
  gains: readonly number[],
  inDiscovery: readonly boolean[],
  discovery: readonly number[],
): { readonly found: readonly Found[]; readonly count: number } {
  const mean = meanAt(gains, discovery)
  const variance = discovery.reduce((sum, row) => sum + (gains[row]! - mean) ** 2, 0) / discovery.length
  if (variance === 0) return { found: [], count: 0 }
  const found: Found[] = []
  let count = 0
  const consider = (field: string, name: string, rows: () => readonly number[], of: Sums) => {
    if (of.n < FEWEST_ROWS) return
    count++
    if (of.sum >= 0 || of.losses < FEWEST_LOSSES) return
    found.push({ field, name, rows: rows(), score: ((mean - of.sum / of.n) * Math.sqrt(of.n)) / Math.sqrt(variance) })
  }
  const places = fields.map((slices) => placesOf(slices, gains.length))
  for (const slices of fields)
    for (const { field, name, rows } of slices)
      consider(
        field,
        name,
        () => rows,
        sumsOf(
          rows.filter((row) => inDiscovery[row]),
          gains,
        ),
      )
  let pairs = 0
  for (let f = 0; f < fields.length; f++)
    for (let g = f + 1; g < fields.length && pairs < MOST_PAIRS; g++, pairs++) {
      const cells = new Map<number, Sums>()
      for (const row of discovery) {
        const key = places[f]![row]! * fields[g]!.length + places[g]![row]!
        const cell = cells.get(key) ?? { n: 0, sum: 0, losses: 0 }
        cell.n++
        cell.sum += gains[row]!
        if (gains[row]! < 0) cell.losses++
        cells.set(key, cell)
      }
      for (const [key, cell] of cells) {
        const one = fields[f]![Math.floor(key / fields[g]!.length)]!
        const other = fields[g]![key % fields[g]!.length]!
        const both = () => {
          const inOther = new Set(other.rows)
          return one.rows.filter((row) => inOther.has(row))
        }
        consider(`${one.field} and ${other.field}`, `${one.name} and ${other.name}`, both, cell)
      }
    }
  return { found, count }
}

interface Sums {
  n: number
  sum: number
  losses: number
}

function sumsOf(rows: readonly number[], gains: readonly number[]): Sums {
  return {
    n: rows.length,
    sum: rows.reduce((sum, row) => sum + gains[row]!, 0),
    losses: rows.reduce((count, row) => count + (gains[row]! < 0 ? 1 : 0), 0),
  }
}

/** Which slice of a field every row is in. */
function placesOf(slices: readonly Slice[], rows: number): Int32Array {
  const places = new Int32Array(rows)
  for (const [place, slice] of slices.entries()) for (const row of slice.rows) places[row] = place
  return places
}

/** The best few that do not mostly share their rows. */
function choose(found: readonly Found[]): readonly Slice[] {
  const chosen: { readonly slice: Found; readonly rows: ReadonlySet<number> }[] = []
  for (const slice of [...found].sort((a, b) => b.score - a.score || a.name.localeCompare(b.name, 'en'))) {
    if (chosen.length === MOST_TESTED) break
    const alike = chosen.some(({ rows }) => {
      const common = slice.rows.reduce((count, row) => count + (rows.has(row) ? 1 : 0), 0)
      return common > MOST_SHARED * (rows.size + slice.rows.length - common)
    })
    if (!alike) chosen.push({ slice, rows: new Set(slice.rows) })
  }
  return chosen.map(({ slice }) => slice)
}
