import { type DType, int, type Shape, tensorOf } from '../../ir/index.ts'
import type { GradientWriter } from './gradient-writer.ts'
import type { Loss } from './loss.ts'
import { Refused } from './refused.ts'

/** Where a loss is written, and where it finds its targets. */
export interface Scope {
  readonly write: GradientWriter
  target(name: string, dtype: DType, shape: Shape): string
}

/** Losses that give one number a place; the others are one number from the start. */
type OfPlaces = Exclude<Loss, { kind: 'sum' | 'output' | 'seeded' }>
type Kind = OfPlaces['kind']
type Of<K extends Kind> = Extract<OfPlaces, { kind: K }>

/** One loss a place; `counted` is 1 where the place counts and 0 where not, where some do not. */
interface Places {
  readonly places: string
  readonly counted?: string
}

/** Writes the loss of every place, by the rule of its kind. */
export function placesOf(scope: Scope, loss: OfPlaces): Places {
  const rule = rules[loss.kind] as (scope: Scope, loss: OfPlaces) => Places
  return rule(scope, loss)
}

/** How each loss is computed, by its kind; the formulas stand at `Loss`. */
const rules: { readonly [K in Kind]: (scope: Scope, loss: Of<K>) => Places } = {
  mse({ write, target }, loss) {
    const z = loss.output
    const shape = shapeOf(write, z)
    const difference = write.sub(z, target(loss.target, write.storedType(z), shape))
    const square = write.mul(difference, difference)
    if (shape.length === 1) return { places: square }
    const axes = shape.map((_, axis) => axis).slice(1)
    return { places: write.op('ReduceMean', [square, write.ints(axes)], { keepdims: int(0) }) }
  },

  cosine({ write, target }, loss) {
    const z = loss.output
    const shape = shapeOf(write, z)
    const axis = positive(loss.axis ?? -1, shape.length)
    const other = target(loss.target, write.storedType(z), shape)
    const sum = (a: string, b: string) => write.reduceSum(write.mul(a, b), [axis], false)
    const norms = write.op('Sqrt', [write.mul(sum(z, z), sum(other, other))])
    const cosine = write.div(sum(z, other), write.op('Max', [norms, write.number(1e-12, z)]))
    return { places: write.sub(write.number(1, z), cosine) }
  },

  kl(scope, loss) {
    const { write, target } = scope
    const { z, shape, dtype, along, sum } = overClasses(scope, loss)
    const t = loss.temperature ?? 1
    const scaled = (x: string) => (t === 1 ? x : write.mul(x, write.number(1 / t, z)))
    const teacher = write.op('LogSoftmax', [scaled(target(loss.teacher, dtype, shape))], along)
    const student = write.op('LogSoftmax', [scaled(z)], along)
    const kl = sum(write.mul(write.op('Exp', [teacher]), write.sub(teacher, student)))
    return { places: t === 1 ? kl : write.mul(kl, write.number(t * t, z)) }
  },

  'cross-entropy'(scope, loss) {
    const { write, target } = scope
    const { z, shape, dtype, classes, along, sum, labelled, oneHot } = overClasses(scope, loss)
    const labels = loss.soft ? target(loss.labels, dtype, shape) : labelled(loss.labels)
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
  },

  hinge(scope, loss) {
    const { write } = scope
    const { z, own, runnerUp } = againstOthers(scope, loss)
    const distance = write.add(write.sub(runnerUp(), own), write.number(1, z))
    return { places: write.op('Relu', [distance]) }
  },

  margin(scope, loss) {
    const { own, score } = againstOthers(scope, loss)
    return { places: scope.write.sub(score(loss.targets), own) }
  },

  dlr(scope, loss) {
    const { write } = scope
    const { own, runnerUp, best, above0 } = againstOthers(scope, loss)
    const [first, , third] = best(3)
    return { places: write.div(write.sub(runnerUp(), own), above0(write.sub(first!, third!))) }
  },

  'dlr-targeted'(scope, loss) {
    const { write } = scope
    const { z, own, score, best, above0 } = againstOthers(scope, loss)
    const [first, , third, fourth] = best(4)
    const spread = write.sub(first!, write.mul(write.add(third!, fourth!), write.number(0.5, z)))
    return { places: write.div(write.sub(score(loss.targets), own), above0(spread)) }
  },
}

/** What losses over classes share: the axis of the classes and what is done along it. */
function overClasses({ write, target }: Scope, loss: { readonly output: string; readonly axis?: number }) {
  const z = loss.output
  const shape = shapeOf(write, z)
  const dtype = write.storedType(z)
  const axis = positive(loss.axis ?? (shape.length >= 4 ? 1 : -1), shape.length)
  const classes = shape[axis]
  const along = { axis: int(axis) }
  return {
    ...{ z, shape, dtype, axis, classes, along },
    sum: (x: string) => write.reduceSum(x, [axis], false),
    /** Whole numbers of classes, one a place. */
    labelled: (name: string) =>
      target(
        name,
        'int64',
        shape.filter((_, i) => i !== axis),
      ),
    oneHot(labels: string): string {
      const values = write.tensor(tensorOf('float32', [2], [0, 1]))
      const typed = dtype === 'float32' ? values : write.op('CastLike', [values, z])
      const depth = typeof classes === 'number' ? write.ints([classes]) : write.size(z, axis)
      return write.op('OneHot', [labels, depth, typed], along)
    },
  }
}

/** What losses share that hold the score of the labelled class against others. */
function againstOthers(scope: Scope, loss: Of<'hinge' | 'margin' | 'dlr' | 'dlr-targeted'>) {
  const { write } = scope
  const { z, axis, dtype, classes, along, sum, labelled, oneHot } = overClasses(scope, loss)
  const labels = oneHot(labelled(loss.labels))
  return {
    z,
    own: sum(write.mul(labels, z)),
    score: (targets: string) => sum(write.mul(oneHot(labelled(targets)), z)),
    /** The greatest score of another class. */
    runnerUp(): string {
      const others = write.op('Where', [
        write.op('Greater', [labels, write.number(0, z)]),
        write.number(dtype === 'float16' ? -6e4 : -1e30, z),
        z,
      ])
      return write.op('ReduceMax', [others, write.ints([axis])], { keepdims: int(0) })
    },
    /** The k greatest scores, the greatest first. */
    best(k: number): readonly string[] {
      if (typeof classes === 'number' && classes < k)
        throw new Refused(`the loss "${loss.kind}" needs ${k} classes, "${z}" has ${classes}`)
      const [top] = write.ops('TopK', [z, write.ints([k])], 2, along)
      return Array.from({ length: k }, (_, i) => write.op('Gather', [top!, write.int(i)], along))
    },
    above0: (spread: string) => write.add(spread, write.number(1e-12, z)),
  }
}

const positive = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis)

/** The shape of a value whose rank must be known. */
export function shapeOf(write: GradientWriter, value: string): Shape {
  write.rank(value)
  return write.shape(value)!
}
