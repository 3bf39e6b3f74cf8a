import { type Node, namedAxes, operatorName, toNumbers } from '../../../../ir/index.ts'
import type { Range } from '../../codes/affine.ts'
import type { PlanContext } from '../../units/plan-context.ts'
import { isCarrier } from '../../units/unit.ts'

/**
 * Codes are wrong by half a 255th of the largest number. Where the smallest is a sixteenth of it, that is 3 %; where it is a
 * thousandth, it may become 0, and its logarithm anything.
 */
const NARROW = 16

/** Whether all numbers of a range are of nearly one size, so that codes hold the ratios between them. */
export const isNarrow = ({ min, max }: Range): boolean => min > 0 && max < NARROW * min

/** Sums of more numbers than this even out what each of them is wrong by. */
const FEW = 4

/**
 * Values of which something behind them looks at ratios (Log, Reciprocal, Sqrt and other powers below 1, the lower side of Div),
 * and which reach over so many sizes that codes, which hold differences, lose the small ones; by name, with what looks. Back
 * from there, too, through what leaves small numbers small: squares, sums of numbers that are not negative, products whose weights
 * are not, and whatever moves values. So a spectrum of sounds on its way to a logarithm is one, from the first square on.
 */
export function ratioValues({ graph, index, facts, ranges }: PlanContext): ReadonlyMap<string, Node> {
  const found = new Map<string, Node>()
  const numbers = (name = '') => {
    const tensor = facts.constant(name)
    return tensor && toNumbers(tensor)
  }
  const power = (node: Node) => {
    const exponents = operatorName(node) === 'Pow' ? numbers(node.inputs[1]) : undefined
    return exponents?.length === 1 ? exponents[0] : undefined
  }

  const lookedAt = (node: Node): string | undefined => {
    const name = operatorName(node)
    if (name === 'Div') return node.inputs[1]
    return RATIOS.has(name) || (power(node) ?? 1) < 1 ? node.inputs[0] : undefined
  }

  /** What a node makes its result of, where what is small in that is small in the result. */
  const madeOf = (node: Node): readonly string[] => {
    const name = operatorName(node)
    const [first = '', second = ''] = node.inputs
    if (name === 'Abs' || (power(node) ?? 1) % 2 === 0 || (name === 'Mul' && first === second)) return [first]
    if (REDUCTIONS.has(name)) return countOfReduced(node) <= FEW ? [first] : []
    if (PRODUCTS.has(name)) {
      const side = facts.constant(first) ? first : second
      const weights = numbers(side)
      return weights?.every((weight) => weight >= 0) ? [side === first ? second : first].filter(isPositive) : []
    }
    if (SUMS.has(name) || isCarrier(node)) return node.inputs.filter((input) => input !== '' && isPositive(input))
    return []
  }
  const isPositive = (name: string) => (ranges.get(name)?.min ?? 0) >= 0

  /** How many numbers are made one; sizes that are not known count as many. */
  const countOfReduced = (node: Node): number => {
    const shape = facts.shape?.(node.inputs[0]!)
    const axes = namedAxes(node, facts.constant) ?? []
    const sizes = axes.map((axis) => shape?.at(axis))
    return axes.length > 0 && sizes.every((size) => typeof size === 'number')
      ? sizes.reduce((product, size) => product * size, 1)
      : Number.POSITIVE_INFINITY
  }

  const visit = (name: string, by: Node): void => {
    if (name === '' || found.has(name) || facts.constant(name)) return
    const range = ranges.get(name)
    if (range && isNarrow(range)) return
    found.set(name, by)
    const maker = index.producer.get(name)
    if (maker) for (const input of madeOf(maker)) visit(input, by)
  }
  for (const node of graph.nodes) {
    const name = lookedAt(node)
    if (name) visit(name, node)
  }
  return found
}

const RATIOS: ReadonlySet<string> = new Set(['Log', 'Reciprocal', 'Sqrt'])
const REDUCTIONS: ReadonlySet<string> = new Set([
  'ReduceSum',
  'ReduceMean',
  'ReduceMax',
  'ReduceL1',
  'ReduceL2',
  'ReduceSumSquare',
])
const PRODUCTS: ReadonlySet<string> = new Set(['MatMul', 'Gemm', 'Conv'])
const SUMS: ReadonlySet<string> = new Set([
  'Add',
  'Sum',
  'Mul',
  'Max',
  'Min',
  'Clip',
  'Relu',
  'Sqrt',
  'AveragePool',
  'GlobalAveragePool',
])
