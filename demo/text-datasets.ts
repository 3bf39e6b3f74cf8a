import type { Column, Dataset, Field, Rows } from '../src/data/index.ts'
import { sha256 } from '../src/platform/index.ts'
import { generator, renderLine, type TextLine } from './text-lines.ts'

interface Line extends TextLine {
  /** The picture as the model sees it, upside down where `turned`; `padded` pixels wide. */
  readonly padded: Uint8Array
  readonly turned: boolean
}

const SLICES = ['font', 'length', 'noise'] as const

/**
 * Lines of text as the input `x` [1, 3, 48, width] of PP-OCR: resized to 48 high, squeezed where too wide, padded to
 * the right with grey, (v / 255 − 0.5) / 0.5. The label is the text, or with `turned` whether the line stands upside
 * down (0 or 1).
 */
export async function textDataset(
  rows: number,
  width: number,
  label: 'text' | 'turned',
  seed: number,
): Promise<Dataset> {
  const lines: Line[] = []
  const next = generator(seed + 77)
  for (let i = 0; i < rows; i++) {
    const line = await renderLine(i, seed)
    const turned = label === 'turned' && next() < 0.5
    lines.push({ ...line, turned, padded: fit(turned ? rotate(line) : line, width) })
  }
  const fields: readonly Field[] = [
    { name: 'x', role: 'input', dtype: 'float32', rowShape: [3, 48, width] },
    { name: 'label', role: 'label', dtype: label === 'text' ? 'string' : 'int64', rowShape: [] },
    ...SLICES.map((name): Field => ({ name, role: 'slice', dtype: 'string', rowShape: [] })),
  ]
  return {
    path: `${rows} rendered text lines`,
    fields,
    rows,
    constants: {},
    domains: { x: [-1, 1] },
    notes: [],
    skipped: [],
    digest: async () => sha256(lines.flatMap((line) => [line.padded, line.text, String(line.turned)])),
    async *read({ indices = lines.map((_, i) => i), batch = 1 } = {}) {
      for (let at = 0; at < indices.length; at += batch)
        yield rowsOf(indices.slice(at, at + batch), lines, width, label)
    },
  }
}

function rowsOf(indices: readonly number[], lines: readonly Line[], width: number, label: 'text' | 'turned'): Rows {
  const area = 48 * width
  const x = new Float32Array(indices.length * 3 * area)
  indices.forEach((index, row) => {
    const { padded } = lines[index]!
    const first = row * 3 * area
    for (let i = 0; i < area; i++) x[first + i] = (padded[i]! / 255 - 0.5) / 0.5
    for (let channel = 1; channel < 3; channel++) x.copyWithin(first + channel * area, first, first + area)
  })
  const strings = (pick: (line: Line) => string): Column => ({
    dtype: 'string',
    dims: [indices.length],
    data: indices.map((index) => pick(lines[index]!)),
  })
  return {
    indices,
    columns: {
      x: { dtype: 'float32', dims: [indices.length, 3, 48, width], data: x },
      label:
        label === 'text'
          ? strings((line) => line.text)
          : {
              dtype: 'int64',
              dims: [indices.length],
              data: BigInt64Array.from(indices, (index) => (lines[index]!.turned ? 1n : 0n)),
            },
      ...Object.fromEntries(SLICES.map((name) => [name, strings((line) => line[name])])),
    },
  }
}

function rotate(line: TextLine): TextLine {
  return { ...line, pixels: line.pixels.slice().reverse() }
}

/** Nearest-pixel squeeze where the line is too wide, grey to the right where it is too narrow. */
function fit({ pixels, width: from, height }: TextLine, width: number): Uint8Array {
  const out = new Uint8Array(height * width).fill(128)
  const used = Math.min(from, width)
  for (let row = 0; row < height; row++)
    for (let column = 0; column < used; column++)
      out[row * width + column] = pixels[row * from + Math.floor((column * from) / used)]!
  return out
}
