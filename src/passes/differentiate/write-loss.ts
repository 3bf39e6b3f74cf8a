import { int } from '../../ir/index.ts'
import type { GradientWriter } from './gradient-writer.ts'
import type { Loss, LossInput, WrittenLoss } from './loss.ts'
import { placesOf, type Scope, shapeOf } from './place-losses.ts'
import { Refused } from './refused.ts'

/** What becomes of the losses of single rows. */
export type Reduction = 'mean' | 'sum'

/** Writes a loss as nodes; targets that are no values of the model become inputs. */
export function writeLoss(
  write: GradientWriter,
  loss: Loss,
  reduction: Reduction,
  isValue: (name: string) => boolean,
): WrittenLoss {
  const inputs = new Map<string, LossInput>()
  const scope: Scope = {
    write,
    target(name, dtype, shape) {
      if (!isValue(name) && !inputs.has(name)) inputs.set(name, { name, dtype, shape })
      return name
    },
  }
  if (loss.kind === 'sum') {
    if (loss.terms.length === 0) throw new Refused('the loss is a sum of nothing')
    const terms = loss.terms.map(({ loss: term, weight }) => {
      const { scalar } = reduced(scope, term, reduction)
      return weight === 1 ? scalar : write.mul(scalar, write.number(weight, outputOf(term)))
    })
    return { loss: terms.reduce(write.add), inputs: [...inputs.values()] }
  }
  const { scalar, places } = reduced(scope, loss, reduction)
  return { loss: scalar, ...(places === undefined ? {} : { places }), inputs: [...inputs.values()] }
}

/** An output that tells the element type of the loss. */
const outputOf = (loss: Loss): string => (loss.kind === 'sum' ? outputOf(loss.terms[0]!.loss) : loss.output)

function reduced(scope: Scope, loss: Loss, reduction: Reduction): { scalar: string; places?: string } {
  const { write } = scope
  if (loss.kind === 'sum') {
    const terms = loss.terms.map((term) =>
      write.mul(reduced(scope, term.loss, reduction).scalar, write.number(term.weight, outputOf(loss))),
    )
    return { scalar: terms.reduce(write.add) }
  }
  if (loss.kind === 'output') {
    const shape = write.shape(loss.output)
    if (!shape?.every((dim) => dim === 1)) throw new Refused(`the loss "${loss.output}" is not one number`)
    return { scalar: write.reshape(loss.output, []) }
  }
  const all = { keepdims: int(0) }
  if (loss.kind === 'seeded') {
    const seed = scope.target(loss.seed, write.dtype(loss.output), shapeOf(write, loss.output))
    return { scalar: write.op('ReduceSum', [write.mul(loss.output, seed)], all) }
  }
  const { places, counted } = placesOf(scope, loss)
  if (reduction === 'sum') return { scalar: write.op('ReduceSum', [places], all), places }
  if (!counted) return { scalar: write.op('ReduceMean', [places], all), places }
  const one = write.number(1, loss.output)
  const count = write.op('Max', [write.op('ReduceSum', [counted], all), one])
  return { scalar: write.div(write.op('ReduceSum', [places], all), count), places }
}
