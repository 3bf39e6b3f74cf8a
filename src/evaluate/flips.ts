import type { Dataset } from '../data/index.ts'
import type { FlippedRow } from '../report/index.ts'
import type { Metric } from './metric/metric.ts'
import { labelText } from './row-labels.ts'
import { isClassLike, type RowOutputs, topAnswer } from './row-outputs.ts'
import type { RowPair } from './row-pairs.ts'

/** A row whose answers differ, for people to look at. */
export interface Flip {
  readonly shown: FlippedRow
  /** Place among the judged rows. */
  readonly place: number
  /** Score of the candidate minus score of the baseline, higher being better; 0 without a metric. */
  readonly gain: number
}

/** Collects flips, losses before gains, then in the order of the rows; the list stays short. */
export interface Flips {
  /** A row that no metric scores: it is a flip where its answer changed. */
  unscored(pair: RowPair, place: number): void
  /** A row with two scores: it is a flip where they differ and the metric can show answers. */
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
  const textField = data.fields.find(({ role, dtype }) => role === 'input' && dtype === 'string')?.name
  const flips: Flip[] = []
  const keep = (flip: Flip) => {
    if (flips.length < MOST_FLIPS) flips.push(flip)
    else if (flip.gain < 0) {
      const gained = flips.findIndex(({ gain }) => gain > 0)
      if (gained >= 0) flips.splice(gained, 1, flip)
    }
  }
  const nameOf = ({ base: { row, fields } }: RowPair) => ({
    row,
    ...(idField === undefined ? {} : { id: String(fields![idField]) }),
    ...(textField === undefined ? {} : { text: String(fields![textField]).slice(0, MOST_TEXT) }),
  })
  return {
    unscored(pair, place) {
      const [base, candidate] = [answerOf(pair.base.outputs, data), answerOf(pair.candidate.outputs, data)]
      keep({ place, gain: 0, shown: { ...nameOf(pair), base, candidate, direction: 'changed' } })
    },
    scored(pair, place, metric, { base, candidate }) {
      if (!metric.answer || base === candidate) return
      const gain = (candidate - base) * (metric.higherIsBetter ? 1 : -1)
      const label = labelText(pair.base.label, data)
      keep({
        place,
        gain,
        shown: {
          ...nameOf(pair),
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

/** The top answers of the class-like outputs of a row. */
function answerOf(outputs: RowOutputs, data: Dataset): string {
  const answers = Object.entries(outputs)
    .filter(([name, value]) => isClassLike(name, value))
    .map(([, value]) => {
      const answer = topAnswer(value)
      return typeof answer === 'number' ? (data.classNames?.[answer] ?? String(answer)) : (answer ?? 'none (NaN)')
    })
  return answers.join(', ')
}
