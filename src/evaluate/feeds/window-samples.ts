import type { Dataset } from '../../data/index.ts'
import type { Session, TensorValue } from '../../engine/index.ts'
import { elementCount, joinedFloats, type Windows } from '../../ir/index.ts'
import { randomSource } from '../../statistics/index.ts'
import { valuesByRow } from './value-rows.ts'

/** Windows of a value that a node reads. */
export interface AskedWindows {
  readonly id: string
  readonly value: string
  /** null for vectors along the last axis. */
  readonly windows: Windows | null
  /** Numbers in a window: channels times places. */
  readonly size: number
  /** How many are wanted of the rows to fit to. */
  readonly count: number
}

/** Windows that a convolution reads: those to fit its codes to, and those that judge the fit. */
export interface WindowSample {
  /** Windows one after the other, each channel by channel. */
  readonly fit: Float32Array
  /** Of other rows, a third as many. */
  readonly held: Float32Array
}

interface WindowSampleOptions {
  readonly indices: readonly number[]
  readonly seed: number
  readonly signal?: AbortSignal | undefined
  readonly onRow?: ((done: number, of: number) => void) | undefined
}

/** Share of the rows that are kept to judge by. */
const HELD = 1 / 4
/** Above plain inference, that fetching inner values may take. */
const BYTES = 64 * 2 ** 20

/**
 * Windows from everywhere in the values that nodes read, as many of each row: what a convolution sees, gathered. The last
 * quarter of the rows, at least one, is kept apart. A value with fewer places gives what it has. Values that no run
 * hands out as float32, or with numbers that are not finite, are left out.
 */
export async function sampleWindows(
  session: Session,
  data: Dataset,
  asked: readonly AskedWindows[],
  { indices, seed, signal, onRow }: WindowSampleOptions,
): Promise<ReadonlyMap<string, WindowSample>> {
  const held = Math.max(1, Math.floor(HELD * indices.length))
  const fits = indices.length - held
  const random = randomSource(seed)
  const parts = new Map(asked.map(({ id }) => [id, { fit: [] as Float32Array[], held: [] as Float32Array[] }]))
  const look = (one: AskedWindows, value: TensorValue | undefined, place: number) => {
    const known = parts.get(one.id)
    if (!known) return
    const wanted = place < fits ? Math.ceil(one.count / fits) : Math.ceil(one.count / 3 / held)
    const taken = value?.dtype === 'float32' ? takeWindows(one, value, wanted, random.below) : null
    if (!taken?.every(Number.isFinite)) parts.delete(one.id)
    else known[place < fits ? 'fit' : 'held'].push(taken)
  }
  const names = asked.map(({ value }) => value)
  for await (const { values, place } of valuesByRow(session, data, { names, indices, bytes: BYTES, signal, onRow }))
    for (const one of asked) if (values.has(one.value)) look(one, values.get(one.value), place)
  const found = new Map<string, WindowSample>()
  for (const [id, { fit, held: apart }] of parts)
    if (fit.length > 0 && apart.length > 0) found.set(id, { fit: joinedFloats(fit), held: joinedFloats(apart) })
  return found
}

/** So many windows of a value from anywhere, or all of them where there are fewer; null where it has other dimensions. */
export function takeWindows(
  { windows, size }: Pick<AskedWindows, 'windows' | 'size'>,
  { dims, data }: TensorValue,
  wanted: number,
  below: (count: number) => number,
): Float32Array | null {
  const values = data as Float32Array
  if (!windows) {
    if (dims.at(-1) !== size) return null
    const count = Math.min(wanted, values.length / size)
    const taken = new Float32Array(count * size)
    for (let i = 0; i < count; i++) {
      const from = (wanted < values.length / size ? below(values.length / size) : i) * size
      taken.set(values.subarray(from, from + size), i * size)
    }
    return taken
  }
  const { kernel, strides, dilations, pads } = windows
  const rank = kernel.length
  const sizes = dims.slice(2)
  const [rows, channels] = [dims[0]!, dims[1]!]
  if (dims.length !== rank + 2) return null
  const outputs = sizes.map((length, axis) =>
    Math.max(
      0,
      Math.floor(
        (length + pads[axis]! + pads[axis + rank]! - dilations[axis]! * (kernel[axis]! - 1) - 1) / strides[axis]!,
      ) + 1,
    ),
  )
  const places = rows * elementCount(outputs)
  const count = Math.min(wanted, places)
  const taps = elementCount(kernel)
  const area = elementCount(sizes)
  const taken = new Float32Array(count * size)
  for (let i = 0; i < count; i++) {
    let place = wanted < places ? below(places) : i
    const corner = new Array<number>(rank)
    for (let axis = rank - 1; axis >= 0; axis--) {
      corner[axis] = (place % outputs[axis]!) * strides[axis]! - pads[axis]!
      place = Math.floor(place / outputs[axis]!)
    }
    for (let tap = 0; tap < taps; tap++) {
      let [rest, at, step] = [tap, 0, 1]
      for (let axis = rank - 1; axis >= 0 && at >= 0; axis--) {
        const where = corner[axis]! + (rest % kernel[axis]!) * dilations[axis]!
        rest = Math.floor(rest / kernel[axis]!)
        at = where < 0 || where >= sizes[axis]! ? -1 : at + where * step
        step *= sizes[axis]!
      }
      // Beyond the border there are zeros.
      if (at < 0) continue
      for (let channel = 0; channel < channels; channel++)
        taken[i * size + channel * taps + tap] = values[(place * channels + channel) * area + at]!
    }
  }
  return taken
}
