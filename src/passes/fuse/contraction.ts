import type { Dim, Shape } from '../../ir/index.ts'

/** One operand of an Einsum. */
interface Operand {
  readonly name: string
  readonly shape: Shape
  readonly isConstant: boolean
}

/** An operand with a letter for each of its axes. */
export interface Lettered extends Operand {
  readonly letters: string
}

/** A product of two operands: letters in the order in which the result has them, those that are summed as on the right. */
export interface Contraction {
  readonly left: Lettered
  readonly right: Lettered
  /** What goes in front of a matrix: of the left alone, or of both. */
  readonly outer: string
  /** The rows of the left, one letter or none, and the columns of the right; the result has neither of the other side. */
  readonly row: string
  readonly columns: string
  readonly summed: string
  readonly result: string
}

interface Refusal {
  readonly refused: string
}

/** What an equation of two operands multiplies; the reason where that is no matrix product. */
export function contractionOf(equation: string, operands: readonly [Operand, Operand]): Contraction | Refusal {
  const [inputs = '', stated] = equation.replace(/\s/g, '').split('->')
  const terms = inputs.split(',')
  if (terms.length !== 2) return { refused: `its equation "${equation}" is not one of two operands` }
  const wide = terms.map((term, i) => operands[i]!.shape.length - term.replace('...', '').length)
  if (terms.some((term, i) => wide[i]! < 0 || (wide[i]! > 0 && !term.includes('...'))))
    return { refused: `its equation "${equation}" does not fit the ranks of its operands` }
  // Letters of their own for what an ellipsis stands for, the same from the back.
  const used = new Set(equation)
  const spare = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'].filter((letter) => !used.has(letter))
  const rest = spare.slice(0, Math.max(...wide)).join('')
  const [a, b] = terms.map((term, i) => term.replace('...', wide[i]! > 0 ? rest.slice(-wide[i]!) : '')) as [
    string,
    string,
  ]
  const result = stated?.replace('...', rest) ?? `${rest}${implied(terms.join(''))}`
  if ([a, b, result].some((letters) => new Set(letters).size !== letters.length))
    return { refused: `its equation "${equation}" names an axis of one operand twice` }
  return sorted(equation, { ...operands[0], letters: a }, { ...operands[1], letters: b }, result)
}

function sorted(equation: string, first: Lettered, second: Lettered, result: string): Contraction | Refusal {
  const only = (own: Lettered, other: Lettered) => [...own.letters].filter((letter) => !other.letters.includes(letter))
  const turned = only(second, first).length > 0 && only(first, second).includes(result.at(-1) ?? '')
  const swap = first.isConstant || (!second.isConstant && turned)
  const [left, right] = swap ? [second, first] : [first, second]
  if ([...only(left, right), ...only(right, left)].some((letter) => !result.includes(letter)))
    return { refused: `its equation "${equation}" sums an axis of one operand by itself` }
  const summed = [...right.letters].filter((letter) => left.letters.includes(letter) && !result.includes(letter))
  if (summed.length === 0) return { refused: `its equation "${equation}" sums nothing` }
  const dimOf = ({ letters, shape }: Lettered, letter: string): Dim => shape[letters.indexOf(letter)]!
  if (summed.some((letter) => dimOf(left, letter) === null || dimOf(left, letter) !== dimOf(right, letter)))
    return { refused: 'the sizes of what it sums are not known to be the same' }
  const columns = [...result].filter((letter) => !left.letters.includes(letter))
  if ((columns.length > 1 || summed.length > 1) && !right.isConstant)
    return { refused: 'several axes that become one have sizes that are known only when it runs' }
  const row = [...result].findLast((letter) => !right.letters.includes(letter)) ?? ''
  const outer = [...result].filter((letter) => letter !== row && !columns.includes(letter))
  return { left, right, outer: outer.join(''), row, columns: columns.join(''), summed: summed.join(''), result }
}

/** Without an arrow the result has the letters that stand once, in alphabetical order. */
const implied = (letters: string): string =>
  [...letters.replaceAll('.', '')]
    .filter((letter, _, all) => all.indexOf(letter) === all.lastIndexOf(letter))
    .sort()
    .join('')
