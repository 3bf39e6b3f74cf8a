import type { TensorValue } from '../../engine/index.ts'
import { editDistance, UserError } from '../../platform/index.ts'
import { argmax, numbersOf } from '../outputs/row-outputs.ts'
import type { Metric, MetricRow } from './metric.ts'

/** How a row's outputs become text. */
export interface TextOptions {
  /**
   * Characters by class number, the blank's place included (its entry is not used). A dictionary that leaves the blank out
   * gets it in front, and one that leaves out the space as well gets that at the end, as PaddleOCR reads its own.
   */
  readonly characters?: readonly string[]
  /** Class of the CTC blank; 0 by default. */
  readonly blank?: number
  /** The output that is read; the first that can be where omitted. */
  readonly output?: string
}

/**
 * Best-path CTC decoding of scores [time, classes] (axes of 1 allowed): the top class of every step, repeats merged,
 * blanks dropped. A step with NaN answers nothing.
 *
 * Source: A. Graves et al., Connectionist temporal classification, ICML 2006, section 3.2.
 */
export function ctcDecode(scores: TensorValue, characters: readonly string[], blank = 0): string {
  const classes = scores.dims.at(-1) ?? 0
  const numbers = numbersOf(scores)
  let text = ''
  let previous = blank
  for (let from = 0; classes > 0 && from < numbers.length; from += classes) {
    const top = argmax(numbers, from, classes)
    const best = top < 0 ? blank : top
    if (best !== previous && best !== blank) text += characters[best] ?? ''
    previous = best
  }
  return text
}

/** Share of rows whose text is exactly the label. */
export function exactMatch(options: TextOptions = {}): Metric {
  return {
    name: 'exact-match',
    higherIsBetter: true,
    rightOrWrong: true,
    bounds: [0, 1],
    unit: 'points',
    score: (row) => (textOf(row, options) === truthOf(row) ? 1 : 0),
    answer: (row) => textOf(row, options),
  }
}

/** Edits over characters of the labels, summed over rows (CER). Lower is better; above 1 where much is inserted. */
export function characterErrorRate(options: TextOptions = {}): Metric {
  return errorRate('cer', options, (text) => [...text])
}

/** Edits over words of the labels, summed over rows (WER). Lower is better. */
export function wordErrorRate(options: TextOptions = {}): Metric {
  return errorRate('wer', options, (text) => text.split(/\s+/).filter(Boolean))
}

function errorRate(name: string, options: TextOptions, partsOf: (text: string) => readonly string[]): Metric {
  const count = (row: MetricRow): readonly [number, number] => {
    const truth = partsOf(truthOf(row))
    return [editDistance(truth, partsOf(textOf(row, options))), truth.length]
  }
  return {
    name,
    higherIsBetter: false,
    rightOrWrong: false,
    // A text of nothing needs as many edits as it has parts; one that never ends needs more.
    range: [0, 1],
    unit: 'points',
    score: (row) => {
      const [edits, length] = count(row)
      return edits / Math.max(1, length)
    },
    summary: count,
    aggregate: (summaries) => {
      let edits = 0
      let length = 0
      for (const [e, l] of summaries) {
        edits += e!
        length += l!
      }
      return edits / Math.max(1, length)
    },
    answer: (row) => textOf(row, options),
  }
}

function truthOf({ label, row }: MetricRow): string {
  if (typeof label !== 'string' && typeof label !== 'number')
    throw new UserError('bad-data', `the label of row ${row} is no text`, { where: `row ${row}` })
  return String(label)
}

function textOf({ outputs }: MetricRow, { characters, blank, output }: TextOptions): string {
  const entries = Object.entries(outputs).filter(([name]) => output === undefined || name === output)
  const text = entries.find(([, value]) => value.dtype === 'string')
  if (text) return (text[1].data as readonly string[]).join('')
  const scores =
    entries.find(([, { dims }]) => manyOf(dims) === 2) ??
    // One step alone looks like any list of numbers, unless there is one for each character.
    entries.find(([, { dims }]) => manyOf(dims) === 1 && alphabetFor(dims.at(-1)!, characters ?? []))
  if (scores && characters)
    return ctcDecode(scores[1], alphabetOf(characters, scores[1].dims.at(-1)!, scores[0]), blank)
  throw new UserError(
    'bad-argument',
    scores ? 'the characters of the classes are unknown' : 'no output can be read as text',
    {
      where: Object.keys(outputs).join(', '),
      hint: 'name the recogniser’s dictionary, one character a line: --metric cer:keys.txt (in the library: `characters`), or write a metric: --metric ./metric.mjs',
    },
  )
}

/** How many axes of `dims` hold more or less than one place. */
const manyOf = (dims: readonly number[]) => dims.filter((dim) => dim !== 1).length

/** The characters with what a dictionary may leave out; undefined where they are not those of so many classes. */
function alphabetFor(classes: number, characters: readonly string[]): readonly string[] | undefined {
  if (characters.length === classes) return characters
  if (characters.length === classes - 1) return ['', ...characters]
  if (characters.length === classes - 2) return ['', ...characters, ' ']
  return undefined
}

function alphabetOf(characters: readonly string[], classes: number, output: string): readonly string[] {
  const alphabet = alphabetFor(classes, characters)
  if (alphabet) return alphabet
  throw new UserError('bad-argument', `there are ${characters.length} characters for ${classes} classes`, {
    where: output,
    hint: 'one character a class; only the blank may be missing in front, and then the space at the end',
  })
}
