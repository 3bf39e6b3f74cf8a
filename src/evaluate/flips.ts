import type { Dataset } from '../data/index.ts'
import type { FlippedRow } from '../report/index.ts'
import { answerText } from './metric/classification.ts'
import type { Metric, RowLabel } from './metric/metric.ts'
import { labelText } from './metric/row-labels.ts'
import { isClassLike } from './outputs/class-like.ts'
import type { RowOutputs } from './outputs/row-outputs.ts'
import { fieldsOfRows } from './row-fields.ts'
import type { RowPair } from './row-pairs.ts'

/** A row whose answers differ, for people to look at. */
export interface Flip {
  readonly shown: FlippedRow
  /** Place among the judged rows. */
  readonly place: number
  /**
   * Score of the candidate minus score of the baseline, higher being better; 0 without a metric, the least number there is
   * where the candidate has no score.
   */
  readonly gain: number
}

/** Collects flips, losses before gains, then in the order of the rows; the list stays short. */
interface Flips {
  /** A row that no metric scores: it is a flip where its answer changed. */
  unscored(pair: RowPair, place: number): void
  /**
   * A row with two scores: it is a flip where they differ and the metric can show answers. None to the base is nothing that
   * could be lost or gained, none to the candidate is lost.
   */
  scored(
    pair: RowPair,
    place: number,
    metric: Metric,
    scores: { readonly base: number; readonly candidate: number },
  ): void
  result(): readonly Flip[]
}

const MOST_FLIPS = 50
/** Characters of a row's text that a report shows. */
const MOST_TEXT = 200

/** @param idField The field that names rows; they go by their places where there is none. */
export function flipsOf(data: Dataset, idField: string | undefined): Flips {
  const nameOf = naming(data, idField)
  const flips: Flip[] = []
  const keep = (flip: Flip) => {
    if (flips.length < MOST_FLIPS) flips.push(flip)
    else if (flip.gain < 0) {
      const gained = flips.findIndex(({ gain }) => gain > 0)
      if (gained >= 0) flips.splice(gained, 1, flip)
    }
  }
  return {
    unscored(pair, place) {
      const [base, candidate] = [answerOf(pair.base.outputs, data), answerOf(pair.candidate.outputs, data)]
      keep({
        place,
        gain: 0,
        shown: { ...nameOf(pair.base.row, pair.base.fields!), base, candidate, direction: 'changed' },
      })
    },
    scored(pair, place, metric, { base, candidate }) {
      if (!metric.answer || base === candidate || !Number.isFinite(base)) return
      const difference = (candidate - base) * (metric.higherIsBetter ? 1 : -1)
      const gain = Number.isFinite(candidate) ? difference : -Number.MAX_VALUE
      const label = labelText(pair.base.label, data)
      keep({
        place,
        gain,
        shown: {
          ...nameOf(pair.base.row, pair.base.fields!),
          base: metric.answer(pair.base),
          candidate: metric.answer(pair.candidate),
          ...(label === null ? {} : { label }),
          direction: gain < 0 ? 'lost' : 'gained',
        },
      })
    },
    result: () => flips,
  }
}

/** How a flip names its row. */
function naming(data: Dataset, idField: string | undefined) {
  const textField = data.fields.find(({ role, dtype }) => role === 'input' && dtype === 'string')?.name
  return (row: number, fields: Readonly<Record<string, RowLabel>>) => ({
    row,
    ...(idField === undefined ? {} : { id: String(fields[idField]) }),
    ...(textField === undefined ? {} : { text: String(fields[textField]).slice(0, MOST_TEXT) }),
  })
}

/** Rows as they were scored, one entry a row in each list. */
export interface ScoredPairs {
  readonly metric: Metric | null
  /** Places in the set that was read. */
  readonly indices: readonly number[]
  readonly base: readonly number[]
  readonly candidate: readonly number[]
  readonly baseSummaries: readonly (readonly number[])[]
  readonly candidateSummaries: readonly (readonly number[])[]
}

/** The flips of a metric that knows answers only when all rows were seen; what names their rows is read once more. */
export async function flipsTogether(
  data: Dataset,
  labelField: string | null,
  { metric, indices, base, candidate, baseSummaries, candidateSummaries }: ScoredPairs,
): Promise<readonly Flip[]> {
  const gains = indices.map((_, place) => (candidate[place]! - base[place]!) * (metric!.higherIsBetter ? 1 : -1))
  const lost = [...gains.keys()].filter((place) => gains[place]! < 0)
  const gained = [...gains.keys()].filter((place) => gains[place]! > 0)
  const places = [...lost, ...gained].slice(0, MOST_FLIPS).sort((a, b) => indices[a]! - indices[b]!)
  if (places.length === 0) return []
  const [before, after] = [baseSummaries, candidateSummaries].map((all) => metric!.answerAll!(all, baseSummaries))
  const idField = idFieldOf(data)
  const nameOf = naming(data, idField)
  const text = data.fields.filter(({ role, dtype }) => role === 'input' && dtype === 'string').map(({ name }) => name)
  const fields = [...new Set([idField, labelField, ...text])].filter((name) => name != null)
  const flips: Flip[] = []
  for await (const part of data.read({ indices: places.map((place) => indices[place]!), fields }))
    for (const [i, row] of fieldsOfRows(part).entries()) {
      const place = places[flips.length]!
      const label = labelText(labelField === null ? undefined : row[labelField], data)
      flips.push({
        place,
        gain: gains[place]!,
        shown: {
          ...nameOf((part.places ?? part.indices)[i]!, row),
          base: before![place]!,
          candidate: after![place]!,
          ...(label === null ? {} : { label }),
          direction: gains[place]! < 0 ? 'lost' : 'gained',
        },
      })
    }
  return flips
}

/** The field that names rows. */
export const idFieldOf = (data: Dataset): string | undefined =>
  data.fields.find(({ role, rowShape }) => role === 'id' && rowShape.length === 0)?.name

/** The top answers of the class-like outputs of a row. */
function answerOf(outputs: RowOutputs, data: Dataset): string {
  const answers = Object.entries(outputs)
    .filter(([name]) => isClassLike(name, outputs))
    .map(([, value]) => answerText(value, data.classNames))
  return answers.join(', ')
}
