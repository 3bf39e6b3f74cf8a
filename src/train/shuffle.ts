import { randomNumbers } from '../data/index.ts'

/** The rows in the order of an epoch: the same rows, seed and epoch give the same order on every machine. */
export function epochOrder(rows: readonly number[], seed: number, epoch: number): readonly number[] {
  const random = randomNumbers(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(epoch + 1, 0x85ebca77))
  const order = [...rows]
  for (let i = order.length - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1))
    const held = order[i]!
    order[i] = order[other]!
    order[other] = held
  }
  return order
}
