import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import sharp from 'sharp'
import { type Length, phrase } from './phrases.ts'

const FOLDER = join(dirname(createRequire(import.meta.url).resolve('dejavu-fonts-ttf/package.json')), 'ttf')

const FONTS = {
  sans: { file: 'DejaVuSans.ttf', family: 'DejaVu Sans' },
  serif: { file: 'DejaVuSerif.ttf', family: 'DejaVu Serif' },
  mono: { file: 'DejaVuSansMono.ttf', family: 'DejaVu Sans Mono' },
  condensed: { file: 'DejaVuSansCondensed-Bold.ttf', family: 'DejaVu Sans Condensed Bold' },
} as const

type FontName = keyof typeof FONTS
type Noise = 'clean' | 'grainy' | 'rough'

/** A line of text whose truth is known because we wrote it: grey pixels, row-major, `width` × `height`. */
export interface TextLine {
  readonly text: string
  readonly font: FontName
  readonly length: Length
  readonly noise: Noise
  readonly width: number
  readonly height: number
  readonly pixels: Uint8Array
}

const LENGTHS: readonly Length[] = ['short', 'medium', 'long']
const NOISES: readonly Noise[] = ['clean', 'grainy', 'rough']
const FONT_NAMES = Object.keys(FONTS) as FontName[]

/** Mulberry32: a small seeded generator of numbers in [0, 1), enough for drawing pictures. */
export function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Renders line number `index` of the set that `seed` names; every combination of the three factors comes by turns. */
export async function renderLine(index: number, seed: number, height = 48): Promise<TextLine> {
  const next = generator(seed * 1_000_003 + index)
  const length = LENGTHS[index % 3]!
  const noise = NOISES[Math.floor(index / 3) % 3]!
  const font = FONT_NAMES[Math.floor(index / 9) % FONT_NAMES.length]!
  const text = phrase(length, next)
  const { file, family } = FONTS[font]
  const ink = Math.floor(next() * 90)
  const paper = 185 + Math.floor(next() * 70)
  const margin = () => 3 + Math.floor(next() * 6)
  const size = 16 + Math.floor(next() * 20)
  const drawn = sharp({
    text: {
      text: `<span foreground="${grey(ink)}">${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</span>`,
      font: `${family} ${size}`,
      fontfile: join(FOLDER, file),
      rgba: true,
      dpi: 96,
    },
  })
    .flatten({ background: grey(paper) })
    .extend({ top: margin(), bottom: margin(), left: margin(), right: margin(), background: grey(paper) })
  // Two steps: sharp would otherwise resize before it extends.
  const { data, info } = await sharp(await drawn.png().toBuffer())
    .resize({ height, kernel: 'cubic' })
    .blur(noise === 'rough' ? 1.1 : 0.3)
    .greyscale()
    .raw()
    .toBuffer({ resolveWithObject: true })
  const strength = { clean: 0, grainy: 18, rough: 34 }[noise]
  const pixels = Uint8Array.from(data, (value) => clamp(value + strength * gaussian(next)))
  return { text, font, length, noise, width: info.width, height: info.height, pixels }
}

const grey = (value: number) => `#${value.toString(16).padStart(2, '0').repeat(3)}`
const clamp = (value: number) => Math.max(0, Math.min(255, Math.round(value)))
const gaussian = (next: () => number) => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
