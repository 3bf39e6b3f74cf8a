import { isFloating } from '../ir/index.ts'
import { isProbability } from './metric/probabilities.ts'
import { numbersOf, type RowOutputs } from './outputs/row-outputs.ts'

/** So many rows show what the numbers of outputs are, and so many numbers do. */
const LOOKED_AT = 100
const NUMBERS_LOOKED_AT = 1e6
/** Numbers that reach so far, with so many of them beyond 0 to 1, are no probabilities that were rounded or regressed. */
const WIDE = 2
const BEYOND = 0.1

/** The numbers of one output by one model. */
export interface Numbers {
  readonly least: number
  readonly greatest: number
  readonly count: number
  /** How many are below 0 or above 1. */
  readonly beyond: number
}

/** Watches whether one model gives probabilities where the other gives logits, or anything else. */
export interface UnlikeRanges {
  add(base: RowOutputs, candidate: RowOutputs): void
  /** Outputs with numbers from 0 to 1 alone by one model, and far beyond by the other. */
  result(): readonly { readonly name: string; readonly base: Numbers; readonly candidate: Numbers }[]
}

/** Looks at the first rows; anything but finite floats is ignored. */
export function unlikeRanges(): UnlikeRanges {
  const seen = new Map<string, readonly [base: Numbers, candidate: Numbers]>()
  let [rows, numbers] = [0, 0]
  return {
    add(base, candidate) {
      if (rows++ >= LOOKED_AT || numbers >= NUMBERS_LOOKED_AT) return
      for (const name of Object.keys(base)) {
        const [one, other] = [base[name]!, candidate[name]]
        if (!other || ![one, other].every(({ dtype }) => isFloating(dtype))) continue
        numbers += one.data.length
        const [first, second] = seen.get(name) ?? [NONE, NONE]
        seen.set(name, [extended(first, numbersOf(one)), extended(second, numbersOf(other))])
      }
    },
    result: () =>
      [...seen]
        .map(([name, [base, candidate]]) => ({ name, base, candidate }))
        .filter(
          ({ base, candidate }) =>
            (isWithin(base) && isFarBeyond(candidate)) || (isFarBeyond(base) && isWithin(candidate)),
        ),
  }
}

const NONE: Numbers = { least: Number.POSITIVE_INFINITY, greatest: Number.NEGATIVE_INFINITY, count: 0, beyond: 0 }

function extended(seen: Numbers, numbers: ArrayLike<number>): Numbers {
  let { least, greatest, count, beyond } = seen
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i]!
    if (!Number.isFinite(value)) continue
    count++
    if (!isProbability(value)) beyond++
    if (value < least) least = value
    if (value > greatest) greatest = value
  }
  return { least, greatest, count, beyond }
}

/** Numbers that are all the same tell nothing of their range. */
const isWithin = ({ least, greatest, beyond }: Numbers) => beyond === 0 && greatest > least
const isFarBeyond = ({ least, greatest, count, beyond }: Numbers) => greatest - least > WIDE && beyond > BEYOND * count
