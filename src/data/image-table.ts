import { isFloating, shapeText } from '../ir/index.ts'
import { UserError } from '../platform/index.ts'
import type { InputWish } from './assign-roles.ts'
import { decodeImage, IMAGE_ENDINGS } from './decode-image.ts'
import { type FileRow, fileTable } from './file-table.ts'
import { didYouMean, listNames } from './list-names.ts'
import { imageShape, type Preprocessing } from './preprocessing.ts'
import type { Table } from './table.ts'

/** Whether a file's ending is that of an image. */
export const isImageFile = (name: string) =>
  IMAGE_ENDINGS.includes(/\.([^./\\]+)$/.exec(name)?.[1]?.toLowerCase() ?? '')

/** Refuses an input of whole numbers, which no image can feed: such a model reads files by their bytes, or tokens. */
export function requirePixels({ name, dtype, shape }: InputWish, where: string): void {
  if (dtype === 'uint8' || isFloating(dtype)) return
  throw new UserError(
    'bad-data',
    `The model's input "${name}" takes ${dtype}${shape ? ` ${shapeText(shape)}` : ''}, and "${where}" holds images.`,
    {
      where,
      hint: 'Where the model reads files by their bytes, write a dataset.json: {"kind": "bytes", "files": "*/*"}.',
    },
  )
}

/**
 * The model's input that images feed: the named one, the only one of four dimensions, or the only one at all.
 *
 * @throws UserError `bad-argument` where it cannot be told.
 */
export function imageInput(
  inputs: readonly InputWish[] | undefined,
  named: string | undefined,
  where: string,
): InputWish | undefined {
  if (!inputs) return undefined
  const names = inputs.map(({ name }) => name)
  if (named !== undefined) {
    const input = inputs.find(({ name }) => name === named)
    if (input) return input
    throw new UserError('bad-data', `"${where}" feeds the input "${named}", but the model has none of that name.`, {
      where,
      hint: `The model has ${listNames(names)}.${didYouMean(named, names)}`,
    })
  }
  const fours = inputs.filter(({ shape }) => shape?.length === 4)
  const only = fours.length === 1 ? fours[0] : inputs.length === 1 ? inputs[0] : undefined
  if (only) return only
  throw new UserError('bad-argument', `It is not clear which input the images of "${where}" feed.`, {
    where,
    hint: `Name it with "input" in a dataset.json; the model has ${listNames(names)}.`,
  })
}

/** A table of images: one row a file. */
export function imageTable(
  path: string,
  rows: readonly FileRow[],
  name: string,
  spec: Preprocessing,
  about: { readonly classNames?: readonly string[]; readonly notes: readonly string[] },
): Table {
  return fileTable({
    path,
    rows,
    input: { name, dtype: spec.dtype, rowShape: imageShape(spec) },
    decode: (bytes) => decodeImage(bytes, spec),
    options: spec,
    ...about,
  })
}
