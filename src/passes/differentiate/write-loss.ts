import { type DType, int, type Shape, tensorOf } from '../../ir/index.ts'
import type { GradientWriter } from './gradient-writer.ts'
import type { Loss, LossInput, WrittenLoss } from './loss.ts'
import { Refused } from './refused.ts'

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

interface Scope {
  readonly write: GradientWriter
  target(name: string, dtype: DType, shape: Shape): string
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

type OfPlaces = Exclude<Loss, { kind: 'sum' | 'output' | 'seeded' }>

/** One loss a place; `counted` is 1 where the place counts and 0 where not, where some do not. */
function placesOf(scope: Scope, loss: OfPlaces): { places: string; counted?: string } {
  const { write, target } = scope
  const z = loss.output
  const shape = shapeOf(write, z)
  const dtype = write.storedType(z)
  if (loss.kind === 'mse') {
    const difference = write.sub(z, target(loss.target, dtype, shape))
    const square = write.mul(difference, difference)
    if (shape.length === 1) return { places: square }
    return { places: mean(write, square, shape.map((_, axis) => axis).slice(1)) }
  }
  if (loss.kind === 'cosine') {
    const axis = positive(loss.axis ?? -1, shape.length)
    const other = target(loss.target, dtype, shape)
    const sum = (a: string, b: string) => write.reduceSum(write.mul(a, b), [axis], false)
    const norms = write.op('Sqrt', [write.mul(sum(z, z), sum(other, other))])
    const cosine = write.div(sum(z, other), write.op('Max', [norms, write.number(1e-12, z)]))
    return { places: write.sub(write.number(1, z), cosine) }
  }
  const axis = positive(loss.axis ?? (shape.length >= 4 ? 1 : -1), shape.length)
  const without = shape.filter((_, i) => i !== axis)
  const along = { axis: int(axis) }
  const sum = (x: string) => write.reduceSum(x, [axis], false)
  if (loss.kind === 'kl') {
    const t = loss.temperature ?? 1
    const scaled = (x: string) => (t === 1 ? x : write.mul(x, write.number(1 / t, z)))
    const teacher = write.op('LogSoftmax', [scaled(target(loss.teacher, dtype, shape))], along)
    const student = write.op('LogSoftmax', [scaled(z)], along)
    const kl = sum(write.mul(write.op('Exp', [teacher]), write.sub(teacher, student)))
    return { places: t === 1 ? kl : write.mul(kl, write.number(t * t, z)) }
  }
  const classes = shape[axis]
  const oneHot = (labels: string) => {
    const values = write.tensor(tensorOf('float32', [2], [0, 1]))
    const typed = dtype === 'float32' ? values : write.op('CastLike', [values, z])
    const depth = typeof classes === 'number' ? write.ints([classes]) : write.size(z, axis)
    return write.op('OneHot', [labels, depth, typed], along)
  }
  if (loss.kind === 'cross-entropy') {
    const labels = loss.soft ? target(loss.labels, dtype, shape) : target(loss.labels, 'int64', without)
    const log = write.op('LogSoftmax', [z], along)
    const smoothing = loss.smoothing ?? 0
    let wanted = loss.soft ? labels : oneHot(labels)
    if (smoothing > 0) {
      if (typeof classes !== 'number') throw new Refused('label smoothing over an unknown number of classes')
      wanted = write.add(write.mul(wanted, write.number(1 - smoothing, z)), write.number(smoothing / classes, z))
    }
    const places = write.neg(sum(write.mul(wanted, log)))
    if (loss.ignore === undefined || loss.soft) return { places }
    const ignored = write.op('Equal', [labels, write.int(loss.ignore)])
    const counted = write.op('Where', [ignored, write.number(0, z), write.number(1, z)])
    return { places: write.op('Where', [ignored, write.number(0, z), places]), counted }
  }
  const labels = oneHot(target(loss.labels, 'int64', without))
  const own = sum(write.mul(labels, z))
  const runnerUp = () => {
    const others = write.op('Where', [
      write.op('Greater', [labels, write.number(0, z)]),
      write.number(dtype === 'float16' ? -6e4 : -1e30, z),
      z,
    ])
    return write.op('ReduceMax', [others, write.ints([axis])], { keepdims: int(0) })
  }
  const aimed = (targets: string) => sum(write.mul(oneHot(target(targets, 'int64', without)), z))
  if (loss.kind === 'margin') return { places: write.sub(aimed(loss.targets), own) }
  if (loss.kind === 'hinge') {
    const distance = write.add(write.sub(runnerUp(), own), write.number(1, z))
    return { places: write.op('Relu', [distance]) }
  }
  const best = (k: number): readonly string[] => {
    if (typeof classes === 'number' && classes < k)
      throw new Refused(`the loss "${loss.kind}" needs ${k} classes, "${z}" has ${classes}`)
    const [top] = write.ops('TopK', [z, write.ints([k])], 2, along)
    return Array.from({ length: k }, (_, i) => write.op('Gather', [top!, write.int(i)], along))
  }
  const small = write.number(1e-12, z)
  if (loss.kind === 'dlr') {
    const [first, , third] = best(3)
    return { places: write.div(write.sub(runnerUp(), own), write.add(write.sub(first!, third!), small)) }
  }
  const [first, , third, fourth] = best(4)
  const spread = write.sub(first!, write.mul(write.add(third!, fourth!), write.number(0.5, z)))
  return { places: write.div(write.sub(aimed(loss.targets), own), write.add(spread, small)) }
}

const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

const mean = (write: GradientWriter, x: string, axes: readonly number[]): string =>
  write.op('ReduceMean', [x, write.ints(axes)], { keepdims: int(0) })

function shapeOf(write: GradientWriter, value: string): Shape {
  write.rank(value)
  return write.shape(value)!
}
