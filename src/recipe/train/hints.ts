import { type Dataset, randomNumbers, spreadRows } from '../../data/index.ts'
import { openIsolated, type Session } from '../../engine/index.ts'
import { feedsOf } from '../../evaluate/index.ts'
import { elementCount, indexGraph, ints, type Model, makeNode, tensorOf } from '../../ir/index.ts'
import { residualBlocks } from '../../passes/index.ts'
import { UserError } from '../../platform/index.ts'
import { type Additions, additions } from './added-nodes.ts'
import { attentionPairs } from './attention-pairs.ts'
import type { Hint } from './learning-goal.ts'
import { readRows } from './learning-rows.ts'

/** An inner value of the teacher, and the one of the student that is to be like it. */
export type HintPair = readonly [teacher: string, student: string]

export interface HintOptions {
  /** Weight of the features beside the answers (0: none). */
  readonly hints?: number | undefined
  /** Which features; ends of blocks that both have by the same name, by default. */
  readonly hintPairs?: readonly HintPair[] | undefined
  /** Weight of the attentions of transformers (0: none). */
  readonly attention?: number | undefined
}

/** Both models with what makes their inner values comparable, and what is compared. */
interface Hinted {
  readonly teacher: Model
  readonly student: Model
  readonly hints: readonly Hint[]
  /** Weights that only the comparison has; they learn too, and are left behind. */
  readonly projections: readonly string[]
}

const SCALE_ROWS = 64

/**
 * What a student learns from inside the teacher, besides its answers.
 *
 * Feature hints (Romero et al. 2015, 1412.6550): the student's features under a learned projection of their channels
 * come near the teacher's, by the mean of squares over that of the teacher's features alone. A teacher with more places
 * is averaged down to those of the student.
 *
 * Attention transfer (Jiao et al. 2020, 1909.10351; Wang et al. 2020, 2002.10957): the divergence between what the two
 * attend to, head by head, or between the means over heads where their numbers differ.
 *
 * @throws UserError where the models have nothing of the kind, or a pair does not fit together.
 */
export async function withHints(
  models: { readonly teacher: Model; readonly student: Model },
  data: Dataset,
  { hints = 0, hintPairs, attention = 0 }: HintOptions,
  { rows, seed, open = openIsolated }: HintEvidence,
): Promise<Hinted> {
  const parts = {
    teacher: additions(models.teacher, data),
    student: additions(models.student, data),
    projections: [] as string[],
  }
  const made: Hint[] = []
  if (hints > 0) {
    const pairs = hintPairs ?? commonFeatures(parts.teacher, parts.student)
    const features = pairs.map((pair, i) => projected(pair, i, parts, seed))
    const teacher = parts.teacher.model()
    const energies = await meanSquares(teacher, data, spreadRows(data, rows, SCALE_ROWS), features, open)
    for (const [i, pair] of features.entries())
      made.push({
        name: `features ${pairs[i]![0]}`,
        ...pair,
        target: `learn/hint${i}`,
        kind: 'mse',
        weight: hints / features.length / Math.max(1e-12, energies[i]!),
      })
  }
  if (attention > 0) {
    const pairs = attentionPairs(parts.teacher, parts.student)
    for (const [i, { name, teacher, student }] of pairs.entries())
      made.push({
        name: `attention ${name}`,
        teacher,
        student,
        target: `learn/attention${i}`,
        kind: 'kl',
        weight: attention / pairs.length,
      })
  }
  return {
    teacher: parts.teacher.model(),
    student: parts.student.model(),
    hints: made,
    projections: parts.projections,
  }
}

interface HintEvidence {
  readonly rows: readonly number[]
  readonly seed: number
  readonly open?: ((model: Model) => Promise<Session>) | undefined
}

/** Ends of residual blocks, else the last value of each grid, that both models have by one name. */
function commonFeatures(teacher: Additions, student: Additions): readonly HintPair[] {
  const theirs = indexGraph(teacher.source.graph).producer
  const outputs = new Set(student.source.graph.outputs.map(({ name }) => name))
  const isFeature = (name: string) => {
    const sizes = student.sizes(name)
    const other = teacher.sizes(name)
    return (
      !outputs.has(name) &&
      theirs.has(name) &&
      sizes !== null &&
      (sizes.length === 4 || sizes.length === 3) &&
      factorOf(other, sizes) !== null
    )
  }
  const values = student.source.graph.nodes.flatMap(({ outputs: own }) => own.filter(isFeature))
  const ends = new Set(blockEnds(student.source))
  const blocks = values.filter((name) => ends.has(name))
  const lastOfGrid = new Map(values.map((name) => [student.sizes(name)!.slice(2).join('×'), name]))
  const chosen = blocks.length > 0 ? blocks : [...lastOfGrid.values()]
  if (chosen.length === 0)
    throw new UserError('unsupported', 'teacher and student have no inner values of one name to be brought together', {
      where: `${student.source.graph.nodes.length} nodes of the student`,
      hint: 'name them: --hint TEACHERVALUE=STUDENTVALUE (whet inspect lists values)',
    })
  return chosen.map((name) => [name, name])
}

/** Additions of two computed values: where a residual block ends, also one that changes its size. */
function blockEnds(model: Model): readonly string[] {
  const computed = indexGraph(model.graph).producer
  const plain = residualBlocks(model).map(({ add }) => add.outputs[0]!)
  const sums = model.graph.nodes
    .filter(({ opType, inputs }) => opType === 'Add' && inputs.every((name) => computed.has(name)))
    .map(({ outputs }) => outputs[0]!)
  return [...new Set([...plain, ...sums])]
}

/** How many times as many places the teacher has on each axis of a grid; null where that is no whole number. */
function factorOf(teacher: readonly number[] | null, student: readonly number[] | null): readonly number[] | null {
  if (!teacher || !student || teacher.length !== student.length) return null
  if (student.length === 3 || student.length === 2)
    return student.slice(1, -1).every((size, i) => size === teacher[i + 1]) ? [] : null
  const factors = student.slice(2).map((size, i) => teacher[i + 2]! / size)
  return student.length === 4 && factors.every((factor) => Number.isInteger(factor) && factor >= 1) ? factors : null
}

/** The student's value with as many channels as the teacher's, and the teacher's with as few places. */
function projected(
  [from, to]: HintPair,
  index: number,
  parts: { readonly teacher: Additions; readonly student: Additions; readonly projections: string[] },
  seed: number,
): Pick<Hint, 'teacher' | 'student'> {
  const [wanted, own] = [parts.teacher.sizes(from), parts.student.sizes(to)]
  const factors = factorOf(wanted, own)
  const shown = (sizes: readonly number[] | null) => (sizes ? `[${['rows', ...sizes.slice(1)].join(',')}]` : 'unknown')
  if (!factors)
    throw new UserError('bad-argument', `the features "${from}" and "${to}" cannot be brought together`, {
      where: `teacher ${shown(wanted)}, student ${shown(own)}`,
      hint: 'both must be float32 with known sizes, [rows, channels, height, width] or [rows, …, channels], the places of the teacher a multiple',
    })
  let teacher = from
  if (factors.some((factor) => factor > 1)) {
    teacher = `learn/hint${index}/pooled`
    const attributes = { kernel_shape: ints(factors), strides: ints(factors) }
    parts.teacher.add(makeNode('AveragePool', [from], [teacher], { attributes }))
  }
  const picture = own!.length === 4
  const [width, target] = picture ? [own![1]!, wanted![1]!] : [own!.at(-1)!, wanted!.at(-1)!]
  const name = `learn/hint${index}/projection`
  const random = randomNumbers(Math.imul(seed + 1, 0x9e3779b1) ^ (index + 1))
  // What is the same layer begins as what it is; else small numbers whose sum keeps the size.
  const start = (row: number, column: number) =>
    width === target ? (row === column ? 1 : 0) : (2 * random() - 1) * Math.sqrt(3 / width)
  const values = Float32Array.from({ length: width * target }, (_, i) =>
    picture ? start(Math.floor(i / width), i % width) : start(i % target, Math.floor(i / target)),
  )
  const dims = picture ? [target, width, 1, 1] : [width, target]
  const student = `learn/hint${index}/projected`
  const weight = tensorOf('float32', dims, values, name)
  parts.student.add(makeNode(picture ? 'Conv' : 'MatMul', [to, name], [student]), [weight])
  parts.projections.push(name)
  return { teacher, student }
}

/** The mean of squares of each of the teacher's features, over some rows. */
async function meanSquares(
  teacher: Model,
  data: Dataset,
  rows: readonly number[],
  features: readonly Pick<Hint, 'teacher'>[],
  open: (model: Model) => Promise<Session>,
): Promise<readonly number[]> {
  const session = await open(teacher)
  try {
    const sums = features.map(() => ({ squares: 0, count: 0 }))
    for await (const part of readRows(data, session.inputs, rows, SCALE_ROWS)) {
      const names = [...new Set(features.map((feature) => feature.teacher))]
      const results = await session.run(feedsOf(part, session.inputs, data), names)
      for (const [i, feature] of features.entries()) {
        const values = results[feature.teacher]!.data as Float32Array
        for (const value of values) sums[i]!.squares += value * value
        sums[i]!.count += elementCount(results[feature.teacher]!.dims)
      }
    }
    return sums.map(({ squares, count }) => squares / Math.max(1, count))
  } finally {
    await session.close()
  }
}
