import type { Picture } from './picture.ts'

/** A change that no person would notice: the answer should stay. */
export interface Nudge {
  readonly picture?: (picture: Picture) => Picture
  readonly sound?: (samples: Float64Array) => Float64Array
  /** The numbers of a table move by this many deviations of their column. */
  readonly deviations?: number
  readonly text?: (text: string) => string
}

const level = (step: number): Nudge => ({
  picture: (picture) => ({
    ...picture,
    planes: picture.planes.map((plane) => plane.map((value) => value + step / 255)),
  }),
})

const shift = (down: number, right: number): Nudge => ({
  picture: ({ height, width, planes }) => ({
    height,
    width,
    planes: planes.map((plane) =>
      plane.map((_, i) => {
        const y = Math.min(height - 1, Math.max(0, Math.floor(i / width) - down))
        const x = Math.min(width - 1, Math.max(0, (i % width) - right))
        return plane[y * width + x]!
      }),
    ),
  }),
})

/** One level of 16-bit audio. */
const AUDIO_LEVEL = 1 / 32768

/** The smallest changes, by modality and name. */
export const nudges: Readonly<Record<'images' | 'audio' | 'text' | 'table', Readonly<Record<string, Nudge>>>> = {
  images: {
    'one level up': level(1),
    'one level down': level(-1),
    'one pixel left': shift(0, -1),
    'one pixel right': shift(0, 1),
    'one pixel up': shift(-1, 0),
    'one pixel down': shift(1, 0),
  },
  audio: {
    'one level up': { sound: (samples) => samples.map((value) => value + AUDIO_LEVEL) },
    'one level down': { sound: (samples) => samples.map((value) => value - AUDIO_LEVEL) },
    'one sample later': { sound: (samples) => samples.map((_, i) => samples[Math.max(0, i - 1)]!) },
    'one sample earlier': { sound: (samples) => samples.map((_, i) => samples[Math.min(samples.length - 1, i + 1)]!) },
  },
  text: {
    'space at the end': { text: (text) => `${text} ` },
    'space in front': { text: (text) => ` ${text}` },
  },
  table: {
    'a thousandth up': { deviations: 0.001 },
    'a thousandth down': { deviations: -0.001 },
  },
}
