/**
 * Rows put in order by how they score, once: draws of these rows need no order of their own, only how often each was
 * drawn.
 */
interface Order {
  /** Rows from the highest score down, by level: the negatives above it, its positives, the negatives beside these. */
  readonly rows: Int32Array
  /** Where each of the three ends among `rows`, three numbers a level; negatives below the last level follow. */
  readonly ends: Int32Array
}

/** Of a draw: how many rows score where, by each distinct score of its positives (a level), from the highest down. */
export interface Levels {
  readonly length: number
  /** Negatives that score above this level, and below the one before it. */
  readonly above: ArrayLike<number>
  readonly positives: ArrayLike<number>
  /** Negatives with exactly the score of the level. */
  readonly beside: ArrayLike<number>
  readonly allPositives: number
  readonly allNegatives: number
}

/**
 * A higher score says "positive". Takes parallel arrays.
 *
 * @throws RangeError for unequal lengths, and for a score that is NaN: it has no place.
 */
export function orderOf(scores: ArrayLike<number>, positive: ArrayLike<boolean>): Order {
  if (scores.length !== positive.length) throw new RangeError(`${scores.length} scores for ${positive.length} rows`)
  const [ups, downs]: [number[], number[]] = [[], []]
  for (let i = 0; i < scores.length; i++) {
    if (Number.isNaN(scores[i]!)) throw new RangeError(`the score of row ${i} is NaN`)
    ;(positive[i] ? ups : downs).push(i)
  }
  // Infinite scores have no difference.
  const descending = (a: number, b: number) => (scores[a]! > scores[b]! ? -1 : scores[a]! < scores[b]! ? 1 : 0)
  ups.sort(descending)
  downs.sort(descending)
  const rows = new Int32Array(scores.length)
  const ends: number[] = []
  let [up, down, place] = [0, 0, 0]
  while (up < ups.length) {
    const score = scores[ups[up]!]!
    while (down < downs.length && scores[downs[down]!]! > score) rows[place++] = downs[down++]!
    ends.push(place)
    while (up < ups.length && scores[ups[up]!] === score) rows[place++] = ups[up++]!
    ends.push(place)
    while (down < downs.length && scores[downs[down]!] === score) rows[place++] = downs[down++]!
    ends.push(place)
  }
  while (down < downs.length) rows[place++] = downs[down++]!
  return { rows, ends: Int32Array.from(ends) }
}

/** The levels of draws of ordered rows; those of one draw hold until the next is asked for, whatever its order. */
export function levelsOfDraws(): (order: Order, timesDrawn: ArrayLike<number>) => Levels {
  const [above, positives, beside]: [number[], number[], number[]] = [[], [], []]
  return ({ rows, ends }, timesDrawn) => {
    let [place, length, allPositives, allNegatives, passed] = [0, 0, 0, 0, 0]
    const upTo = (end: number) => {
      let drawn = 0
      for (; place < end; place++) drawn += timesDrawn[rows[place]!]!
      return drawn
    }
    for (let k = 0; k < ends.length; k += 3) {
      passed += upTo(ends[k]!)
      const found = upTo(ends[k + 1]!)
      const tied = upTo(ends[k + 2]!)
      // A level of which no positive was drawn is none: its negatives lie above the next one.
      if (found === 0) passed += tied
      else {
        above[length] = passed
        positives[length] = found
        beside[length++] = tied
        allPositives += found
        allNegatives += passed + tied
        passed = 0
      }
    }
    return { length, above, positives, beside, allPositives, allNegatives: allNegatives + passed + upTo(rows.length) }
  }
}

/** The levels of all of these rows, each once. */
export function levelsOf(scores: ArrayLike<number>, positive: ArrayLike<boolean>): Levels {
  return levelsOfDraws()(orderOf(scores, positive), new Uint8Array(scores.length).fill(1))
}
