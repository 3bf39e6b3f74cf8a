import type { TensorValue } from '../../engine/index.ts'
import { isFloating } from '../../ir/index.ts'
import { isProbability, mayBeProbabilities } from '../metric/probabilities.ts'
import { numbersOf, topAnswer } from './row-outputs.ts'

/**
 * Whether two class-like outputs answer the same: the top answer, and, where numbers between 0 and 1 do not add up to 1,
 * also which of them are a yes (0.5 or more). Several labels may hold at a time then, and the greatest is not all of the
 * answer; of one class among many by a sigmoid each, no accuracy differs where both are the same.
 */
export function sameAnswer(base: TensorValue, candidate: TensorValue): boolean {
  if (base.data.length !== candidate.data.length || topAnswer(base) !== topAnswer(candidate)) return false
  if (!isFloating(base.dtype)) return true
  const [x, y] = [numbersOf(base), numbersOf(candidate)]
  return !saysYesOrNo(x) || sameYes(x, y)
}

function saysYesOrNo(numbers: ArrayLike<number>): boolean {
  if (mayBeProbabilities(numbers)) return false
  for (let i = 0; i < numbers.length; i++) if (!isProbability(numbers[i]!)) return false
  return true
}

function sameYes(x: ArrayLike<number>, y: ArrayLike<number>): boolean {
  for (let i = 0; i < x.length; i++) if (x[i]! >= 0.5 !== y[i]! >= 0.5) return false
  return true
}
