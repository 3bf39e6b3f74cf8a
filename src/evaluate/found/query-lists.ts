import { boxesAndScores } from '../metric/detection/decoder.ts'
import { boxesOfQueries, CLASSES_ALONE, NOTHING_IS_A_CLASS } from '../metric/detection/queries.ts'
import { isProbability, mayBeProbabilities } from '../metric/probabilities.ts'
import { argmax, type RowOutputs } from '../outputs/row-outputs.ts'
import { type FoundLayout, LEAST_SCORE, MOST_BOXES, SAME_SCORE } from './found-lists.ts'

/** Fewer places than these are no list that anything is looked up in, but a box or two of their own. */
const FEWEST_QUERIES = 10

type Queries = NonNullable<ReturnType<typeof boxesAndScores>>

/**
 * The ways in which two outputs may be the answers to a transformer's queries: boxes [queries, 4] of centre and size as
 * shares of the input beside logits [queries, classes], the last of which may stand for "nothing". Queries are a set: of
 * those that find the same one may answer for another, and where the model takes its queries from the places that look best
 * (RT-DETR) all behind one that moves up stand beside others. So what they find is counted.
 */
export function queryLayouts(outputs: RowOutputs): readonly FoundLayout[] {
  const pair = queriesOf(outputs)
  if (!pair) return []
  const forms = pair.scores.columns > 1 ? [NOTHING_IS_A_CLASS, CLASSES_ALONE] : [CLASSES_ALONE]
  return forms.map((form) => {
    const found = (queries: Queries) => boxesOfQueries(queries, form, LEAST_SCORE - SAME_SCORE)
    return {
      outputs: [pair.boxes.name, pair.scores.name],
      read: (row) => {
        const queries = queriesOf(row)
        return queries && found(queries).sort((a, b) => b.score - a.score)
      },
      evidence: (row) => {
        const queries = queriesOf(row)!
        if (!mayBeQueries(queries) || found(queries).length > MOST_BOXES) return null
        if (forms.length === 1) return 0
        return signsOfNothing(queries) * (form === NOTHING_IS_A_CLASS ? 1 : -1)
      },
    }
  })
}

function queriesOf(outputs: RowOutputs): Queries | null {
  const pair = boxesAndScores(outputs, 1)
  return pair && pair.boxes.rows >= FEWEST_QUERIES ? pair : null
}

/** Whether boxes are shares of the input, and not those of four classes, and the others logits, and not probabilities. */
function mayBeQueries({ boxes, scores }: Queries): boolean {
  if (!numbers(boxes.data).every(isProbability) || numbers(scores.data).every(isProbability)) return false
  return !rowsOf(boxes).every(mayBeProbabilities)
}

/**
 * Queries whose last logit is positive and the highest, less those without any positive one: where "nothing" is a class of
 * its own, most queries answer with it; where it is not, most of them deny every class.
 */
function signsOfNothing({ scores }: Queries): number {
  let signs = 0
  for (const logits of rowsOf(scores)) {
    const best = argmax(logits)
    if (logits[best]! < 0) signs--
    else if (best === logits.length - 1) signs++
  }
  return signs
}

const numbers = (data: ArrayLike<number>): readonly number[] => Array.from(data)

const rowsOf = ({ rows, columns, data }: Queries['boxes']): readonly (readonly number[])[] =>
  Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (_, c) => data[row * columns + c]!))
