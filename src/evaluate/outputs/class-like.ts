import type { Dataset } from '../../data/index.ts'
import type { PortValue, Session, TensorValue } from '../../engine/index.ts'
import { type Dim, isFloating } from '../../ir/index.ts'
import type { RowOutputs } from './row-outputs.ts'

// A vector under such a name is a place, a feature or a state: its greatest element answers nothing. What TensorFlow
// calls all outputs of a saved model, `StatefulPartitionedCall:0`, tells nothing.
const PLACES = /box|landmark|keypoint|coord|regress|loc$/i
const NOT_AN_ANSWER = /embed|feat|pool|vector|state(?!ful)|cache|hidden|present|audio|wave|signal|mask/i

/**
 * Whether the greatest element of a row's output is an answer: floats in one axis of at least two (others being 1) that
 * are no list of places. One integer or one text is an answer as it stands.
 */
export function isClassLike(name: string, outputs: RowOutputs): boolean {
  const value = outputs[name]!
  const wide = wideAxes(value.dims).length
  if (!isFloating(value.dtype)) return wide === 0 && value.dtype !== 'bool'
  return wide === 1 && !PLACES.test(name) && !NOT_AN_ANSWER.test(name) && !scoresPlaces(name, outputs)
}

/** One vector a row: floats in one axis of at least two, the others being 1. A feature map of a convolution is none. */
export const isVector = ({ dtype, dims }: TensorValue): boolean => isFloating(dtype) && wideAxes(dims).length === 1

const wideAxes = (dims: readonly number[]) => dims.filter((dim) => dim !== 1)

/**
 * Whether the output holds one score for each of the places that another output tells more of: `[N, 1]` beside `[N, k]`,
 * as heads of detectors have it. `[N]` or `[1, N]` may be classes beside a vector for each, or beside those of all steps;
 * with four numbers, or under such a name, these are boxes.
 */
function scoresPlaces(name: string, outputs: RowOutputs): boolean {
  const { dims } = outputs[name]!
  const along = dims.findIndex((dim) => dim !== 1)
  return Object.entries(outputs).some(([beside, { dims: other, dtype }]) => {
    if (beside === name || !isFloating(dtype)) return false
    const widened = axesWidened(dims, other)
    if (widened.length !== 1) return false
    const [axis] = widened
    const perPlace = axis! > along && dims.length === other.length
    return perPlace || other[axis!] === CORNERS || PLACES.test(beside)
  })
}

/** Axes where one shape has 1, or has none behind its last, and the other has more; none where they do not match. */
function axesWidened(dims: readonly number[], other: readonly number[]): readonly number[] {
  const unlike = [...other.keys()].filter((axis) => (dims[axis] ?? 1) !== other[axis])
  const matching = other.length - dims.length <= 1 && other.length >= dims.length
  return matching && unlike.every((axis) => (dims[axis] ?? 1) === 1) ? unlike : []
}

/** Numbers of a box. */
const CORNERS = 4

/** `scoresSteps` by what the model declares, and by the sizes of a row where it leaves them open. */
export function sequencesIn(
  { inputs, outputs }: Pick<Session, 'inputs' | 'outputs'>,
  { fields }: Pick<Dataset, 'fields'>,
  row: RowOutputs,
): ReadonlySet<string> {
  const given = inputs.map((port) => sized(port, fields.find(({ name }) => name === port.name)?.rowShape))
  // As many numbers for every row are none for each step of rows that may be longer.
  const open = outputs.filter(({ shape }) => typeof shape?.[1] !== 'number' || typeof shape[2] !== 'number')
  const answered = open.map((port) => sized(port, row[port.name]?.dims))
  return new Set([...scoresSteps(outputs, inputs), ...scoresSteps(answered, given)])
}

/** With the sizes of a row in the place of names and of what is not known. */
function sized(port: PortValue, row: readonly (number | null)[] | undefined): PortValue {
  if (!row || (port.shape && port.shape.length !== row.length + 1)) return port
  const declared = port.shape ?? [null, ...row]
  return { ...port, shape: declared.map((dim, axis) => (axis > 0 ? (row[axis - 1] ?? dim) : dim)) }
}

/**
 * Outputs that give one number to each step of an input, `[batch, T, 1]` of `[batch, T, …]` or, as convolutions over
 * sound have it, `[batch, 1, T]` of `[batch, …, T]`: a sequence, and no scores of T classes.
 */
export function scoresSteps(
  outputs: readonly PortValue[],
  inputs: readonly Pick<PortValue, 'shape'>[],
): ReadonlySet<string> {
  const steps = new Set<Dim>(
    inputs.flatMap(({ shape }) => (shape?.length === 2 || shape?.length === 3 ? [shape[1]!] : [])),
  )
  const isSequence = ({ shape }: PortValue) =>
    shape?.length === 3 && shape[2] === 1 && shape[1] !== null && shape[1] !== 1 && steps.has(shape[1]!)
  const moments = new Set<Dim>(inputs.flatMap(({ shape }) => (shape?.length === 3 ? [shape[2]!] : [])))
  const isWave = ({ shape }: PortValue) =>
    shape?.length === 3 && shape[1] === 1 && outlastsAlphabets(shape[2]!) && moments.has(shape[2]!)
  return new Set(outputs.filter((port) => isSequence(port) || isWave(port)).map(({ name }) => name))
}

/** A symbol that stands as `[batch, 1, symbols]` is answered by scores of the next one, in as many numbers. */
const LARGEST_ALPHABET = 300

/** How many classes there are is never open. */
const outlastsAlphabets = (size: Dim) => (typeof size === 'number' ? size > LARGEST_ALPHABET : size !== null)
