import { floatAttribute, type Node } from '../../ir/index.ts'
import type { GradientWriter } from './gradient-writer.ts'

/** Mean, and 1/√(variance + ε), of x along axes that stay at 1. */
export function moments(write: GradientWriter, x: string, axes: readonly number[], epsilon: number, like: string) {
  const mean = write.reduceMean(x, axes)
  const difference = write.sub(x, mean)
  const variance = write.reduceMean(write.mul(difference, difference), axes)
  return { mean, variance, difference, inverse: inverseRoot(write, variance, epsilon, like) }
}

export const inverseRoot = (write: GradientWriter, variance: string, epsilon: number, like: string): string =>
  write.op('Reciprocal', [write.op('Sqrt', [write.add(variance, write.number(epsilon, like))])])

const EPSILON = Math.fround(1e-5)
export const epsilonOf = (node: Node): number => floatAttribute(node, 'epsilon', EPSILON)

/** One number a channel, in a shape that broadcasts over [N, C, …]. */
export const perChannel = (write: GradientWriter, vector: string, rank: number): string =>
  rank === 1 ? vector : write.reshape(vector, [-1, ...Array.from({ length: rank - 2 }, () => 1)])

/** All axes of [N, C, …] but the channels. */
export const besideChannels = (rank: number): readonly number[] =>
  Array.from({ length: rank }, (_, axis) => axis).filter((axis) => axis !== 1)
