import { shapeText } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import { channelsOf } from './corruptions/pixel-space.ts'
import { randomNumbers } from './random-numbers.ts'

/**
 * Changes of a row that make more of few rows: a picture mirrored left to right; moved by up to an eighth of its sides,
 * the border drawn out over what opens; noise of up to a tenth of the row's own deviation; two rows laid over each
 * other (Zhang et al. 2018, 1710.09412).
 */
export const AUGMENTATIONS = ['flip', 'crop', 'noise', 'mixup'] as const
export type Augmentation = (typeof AUGMENTATIONS)[number]

/** What happens to one row; the same for all of its inputs. */
export interface RowChange {
  readonly mirrored: boolean
  /** Shares of the furthest move, −1 to 1, downwards and to the right. */
  readonly down: number
  readonly right: number
  /** Deviation of the noise as a share of the row's own, and the seed of its draws. */
  readonly noise: number
  readonly noiseSeed: number
  /** Share of the row itself; the rest is of the next row of the batch. */
  readonly own: number
}

/** The furthest move, as a share of the side. */
const FURTHEST = 1 / 8
/** The strongest noise, as a share of the row's deviation. */
const STRONGEST = 0.1

/**
 * The changes of rows in an epoch. They depend on seed, epoch and row alone, so that a run that was interrupted goes on
 * with the same ones.
 */
export function changesOf(
  rows: readonly number[],
  kinds: readonly Augmentation[],
  { seed, epoch }: { readonly seed: number; readonly epoch: number },
): readonly RowChange[] {
  const has = (kind: Augmentation) => kinds.includes(kind)
  return rows.map((row) => {
    const random = randomNumbers(
      Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(epoch + 1, 0x85ebca77) ^ Math.imul(row + 1, 0xc2b2ae3d),
    )
    // Each is drawn whether it is used or not: one more kind leaves the others as they were.
    const [mirror, down, right, noise, noiseSeed, own] = Array.from({ length: 6 }, random) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    return {
      mirrored: has('flip') && mirror < 0.5,
      down: has('crop') ? 2 * down - 1 : 0,
      right: has('crop') ? 2 * right - 1 : 0,
      noise: has('noise') ? STRONGEST * noise : 0,
      noiseSeed: Math.floor(noiseSeed * 2 ** 32),
      own: has('mixup') ? own : 1,
    }
  })
}

/**
 * The values of a batch, axis 0 the row, with the changes made; the values given stay as they are. Rows that are no
 * pictures are not mirrored or moved.
 */
export function augmented(
  { dims, data }: { readonly dims: readonly number[]; readonly data: Float32Array },
  changes: readonly RowChange[],
): Float32Array {
  const size = data.length / changes.length
  const shape = dims.slice(1)
  const picture = channelsOf(shape)
  const moved = new Float32Array(data.length)
  for (const [i, change] of changes.entries()) {
    const row = data.subarray(i * size, (i + 1) * size)
    const target = moved.subarray(i * size, (i + 1) * size)
    if (picture) move(row, target, shape.slice(-3), picture.channelsFirst, change)
    else target.set(row)
    if (change.noise > 0) addNoise(target, change)
  }
  return laidOver(moved, changes)
}

/** Each row's values, weighted with its own share, over those of the next row of the batch. */
export function laidOver(data: Float32Array, changes: readonly RowChange[]): Float32Array {
  if (changes.every(({ own }) => own === 1)) return data
  const size = data.length / changes.length
  const mixed = new Float32Array(data.length)
  for (const [i, { own }] of changes.entries()) {
    const [from, other] = [i * size, ((i + 1) % changes.length) * size]
    for (let k = 0; k < size; k++) mixed[from + k] = own * data[from + k]! + (1 - own) * data[other + k]!
  }
  return mixed
}

/**
 * Refuses changes that these inputs cannot take.
 *
 * @throws UserError `bad-argument`: a change of pictures where no input is one, mixtures of rows that hold whole numbers.
 */
export function checkAugmentations(
  kinds: readonly Augmentation[],
  inputs: readonly { readonly name: string; readonly dtype: string; readonly rowShape: readonly (number | null)[] }[],
): void {
  const listed = inputs.map(({ name, dtype, rowShape }) => `"${name}" ${dtype}${shapeText(rowShape)}`)
  const refuse = (kind: Augmentation, why: string) =>
    new UserError('bad-argument', `--augment ${kind}: ${why}`, {
      where: listed.join(', '),
      hint: `leave out ${kind}`,
    })
  const floats = inputs.filter(({ dtype }) => dtype === 'float32')
  for (const kind of kinds) {
    if ((kind === 'flip' || kind === 'crop') && !floats.some(({ rowShape }) => channelsOf(rowShape)))
      throw refuse(kind, 'no input is a picture ([channels, height, width] or [height, width, channels] of floats)')
    if (kind === 'noise' && floats.length === 0) throw refuse(kind, 'no input holds floats')
    if (kind === 'mixup' && floats.length < inputs.length)
      throw refuse(kind, 'rows of whole numbers cannot be laid over each other')
  }
}

function move(
  row: Float32Array,
  target: Float32Array,
  sizes: readonly number[],
  channelsFirst: boolean,
  { mirrored, down, right }: RowChange,
): void {
  const [first, second, third] = sizes as [number, number, number]
  const [channels, height, width] = channelsFirst ? [first, second, third] : [third, first, second]
  const [perPixel, perChannel] = channelsFirst ? [1, height * width] : [channels, 1]
  const y0 = Math.round(down * Math.floor(height * FURTHEST))
  const x0 = Math.round(right * Math.floor(width * FURTHEST))
  for (let y = 0; y < height; y++) {
    const fromY = clamped(y - y0, height)
    for (let x = 0; x < width; x++) {
      const shifted = clamped(x - x0, width)
      const from = (fromY * width + (mirrored ? width - 1 - shifted : shifted)) * perPixel
      const to = (y * width + x) * perPixel
      for (let c = 0; c < channels; c++) target[to + c * perChannel] = row[from + c * perChannel]!
    }
  }
}

const clamped = (place: number, size: number) => Math.min(size - 1, Math.max(0, place))

function addNoise(row: Float32Array, { noise, noiseSeed }: RowChange): void {
  let sum = 0
  let squares = 0
  for (const value of row) {
    sum += value
    squares += value * value
  }
  const deviation = Math.sqrt(Math.max(0, squares / row.length - (sum / row.length) ** 2))
  const random = randomNumbers(noiseSeed)
  // Box and Muller's pairs.
  for (let i = 0; i < row.length; i += 2) {
    const radius = noise * deviation * Math.sqrt(-2 * Math.log(1 - random()))
    const angle = 2 * Math.PI * random()
    row[i]! += radius * Math.cos(angle)
    if (i + 1 < row.length) row[i + 1]! += radius * Math.sin(angle)
  }
}
