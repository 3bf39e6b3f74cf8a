import { UserError } from '../platform/index.ts'

/**
 * @param what What has the rows, in the words of the message.
 * @throws UserError `bad-argument` that names the first row which is not there.
 */
export function checkIndices(
  indices: readonly number[],
  { path, rows }: { readonly path: string; readonly rows: number },
  what = `"${path}"`,
): void {
  const outside = indices.find((index) => !Number.isInteger(index) || index < 0 || index >= rows)
  if (outside === undefined) return
  throw new UserError('bad-argument', `Row ${outside} does not exist: ${what} has ${rows} rows.`, {
    where: path,
    hint: `Rows are numbered 0 to ${rows - 1}.`,
  })
}
